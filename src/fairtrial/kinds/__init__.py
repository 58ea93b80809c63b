"""Kinds: a loss, optimizer, schedule, start, noise or metric is one function with its facts."""

from fairtrial.kinds import (
    averages,
    baselines,
    class_losses,
    class_metrics,
    corruptions,
    datasets,
    features,
    inits,
    injections,
    losses,
    maps,
    metrics,
    noises,
    optimizers,
    plateaus,
    robust_losses,
    scaled_inits,
    scaled_optimizers,
    schedules,
    tasks,
)

__all__ = [
    "averages", "baselines", "class_losses", "class_metrics", "corruptions", "datasets", "features",
    "inits", "injections", "losses", "maps", "metrics", "noises", "optimizers", "plateaus",
    "robust_losses", "scaled_inits", "scaled_optimizers", "schedules", "tasks",
]  # fmt: skip
