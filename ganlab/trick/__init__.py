"""The tricks of a training, one small class each; `base` holds the hooks at which they act."""
