"""The adversarial game as Lightning modules."""
