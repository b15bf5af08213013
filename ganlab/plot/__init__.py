"""Figures, drawn with matplotlib: ECG paper, grids of images, curves, histograms."""
