"""Kinds: every loss, optimizer, schedule, start and noise is one function with its facts."""

from fairtrial.kinds import (
    averages,
    class_losses,
    corruptions,
    inits,
    injections,
    losses,
    noises,
    optimizers,
    plateaus,
    robust_losses,
    scaled_inits,
    scaled_optimizers,
    schedules,
)

__all__ = [
    "averages", "class_losses", "corruptions", "inits", "injections", "losses", "noises",
    "optimizers", "plateaus", "robust_losses", "scaled_inits", "scaled_optimizers", "schedules",
]  # fmt: skip
