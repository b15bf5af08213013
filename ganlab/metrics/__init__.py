"""Step 5 of the paper's procedure: numbers that say what the eye sees."""
