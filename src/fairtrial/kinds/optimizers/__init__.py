"""Optimizers, and what acts on their rate and their iterates."""
