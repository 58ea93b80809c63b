"""Kinds: a loss, optimizer, schedule, start, noise or metric is one function with its facts."""

# Importing a module registers its kinds.
from fairtrial.kinds.baselines import models  # noqa: F401
from fairtrial.kinds.data import features, tasks  # noqa: F401
from fairtrial.kinds.inits import common  # noqa: F401
from fairtrial.kinds.losses import classes, robust  # noqa: F401
from fairtrial.kinds.metrics import classes as class_metrics  # noqa: F401
from fairtrial.kinds.noise import corruptions, injections  # noqa: F401
from fairtrial.kinds.optimizers import averages, schedules  # noqa: F401
from fairtrial.kinds.optimizers import scaled as scaled_optimizers  # noqa: F401
