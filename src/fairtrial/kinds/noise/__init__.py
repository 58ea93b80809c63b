"""Noise of tasks, noise on training rows, and noise injected while training."""
