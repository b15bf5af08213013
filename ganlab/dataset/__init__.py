"""Data sets: recordings, rows and images with labels and patient ids."""
