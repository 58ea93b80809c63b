"""Kinds: every loss, optimizer, schedule, start and noise is one function with its facts."""

from fairtrial.kinds import (
    class_losses,
    corruptions,
    inits,
    injections,
    losses,
    noises,
    optimizers,
    robust_losses,
    scaled_inits,
    schedules,
)

__all__ = [
    "class_losses", "corruptions", "inits", "injections", "losses", "noises", "optimizers",
    "robust_losses", "scaled_inits", "schedules",
]  # fmt: skip
