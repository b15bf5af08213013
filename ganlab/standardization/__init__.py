"""Step 1 of the paper's procedure: values in mV to levels 0..255, and back."""
