"""What every package may import: kinds of sample, records, errors, files, settings."""
