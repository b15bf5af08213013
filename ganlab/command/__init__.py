"""What each command does, a file a command, under the command's name."""
