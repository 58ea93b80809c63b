"""The training step, written once, and the two drivers that train with it."""
