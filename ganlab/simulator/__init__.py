"""Simulated recordings, rows and images: data sets that need no download."""
