"""What generated samples are of use for: classifiers trained on them (TSTR)."""
