"""Reading and writing other people's files: WFDB, CSV, npy, images."""
