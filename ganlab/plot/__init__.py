"""Figures, drawn with matplotlib from plain values: ECG paper, grids of images, curves, histograms, attacks."""
