"""Metrics of rows of a table."""
