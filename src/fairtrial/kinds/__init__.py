"""Kinds: a loss, optimizer, schedule, start, noise or metric is one function with its facts."""

from fairtrial.kinds import (
    averages,
    class_losses,
    class_metrics,
    corruptions,
    inits,
    injections,
    losses,
    metrics,
    noises,
    optimizers,
    plateaus,
    robust_losses,
    scaled_inits,
    scaled_optimizers,
    schedules,
)

__all__ = [
    "averages", "class_losses", "class_metrics", "corruptions", "inits", "injections", "losses",
    "metrics", "noises", "optimizers", "plateaus", "robust_losses", "scaled_inits",
    "scaled_optimizers", "schedules",
]  # fmt: skip
