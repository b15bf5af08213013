"""Step 4 of the paper's procedure: what is added to a GAN to make it train."""
