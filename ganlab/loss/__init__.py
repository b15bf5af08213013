"""Adversarial losses: small callables on logits."""
