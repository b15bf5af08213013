"""What an installation needs, a file a subject: each check gives lines of what is right or wrong and what to do."""
