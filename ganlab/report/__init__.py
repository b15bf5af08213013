"""What a run leaves for people to look at: ECG paper, grids of images, curves, one self-contained page."""
