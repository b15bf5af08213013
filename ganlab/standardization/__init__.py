"""Step 1 of the paper's procedure: values in their own units to levels 0..255, and back."""
