"""Step 3 of the paper's procedure: generator and discriminator networks."""
