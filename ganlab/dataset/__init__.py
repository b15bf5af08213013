"""What is read from disk: recordings with person ids, cut into windows with labels."""
