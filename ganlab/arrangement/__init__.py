"""Step 2 of the paper's procedure: a sample's levels to the pixels of an image, and back."""
