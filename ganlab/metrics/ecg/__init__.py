"""Metrics of ECG windows: physiology, leads, spectrum."""
