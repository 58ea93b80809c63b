"""Kinds: a loss, optimizer, schedule, start, noise or metric is one function with its facts."""

from fairtrial.kinds import (
    class_losses,
    class_metrics,
    corruptions,
    inits,
    injections,
    losses,
    metrics,
    noises,
    optimizers,
    robust_losses,
    scaled_inits,
    schedules,
)

__all__ = [
    "class_losses", "class_metrics", "corruptions", "inits", "injections", "losses", "metrics",
    "noises", "optimizers", "robust_losses", "scaled_inits", "schedules",
]  # fmt: skip
