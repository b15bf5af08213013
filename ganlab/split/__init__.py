"""Splits by patient: who trains, and who is held out."""
