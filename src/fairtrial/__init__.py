"""All else equal, which training choice matters, by how much, and why.

The public names are loaded when they are first used: importing fairtrial does not import
TensorFlow, and neither does a study. Running one does.
"""

import os
import sys

TYPE_CHECKING = False  # To import `typing` takes a moment in which Ctrl-C is not heard yet.
if TYPE_CHECKING:
    from typing import Any

    from fairtrial import plots
    from fairtrial.data.images.own_images import images
    from fairtrial.errors import FairtrialError, InputError, MachineError
    from fairtrial.evidence.frame import judge
    from fairtrial.kinds.baselines.models import (
        baseline,
        linear_model,
        linear_svm,
        nearest_neighbours,
        random_forest,
        sklearn,
        svm,
    )
    from fairtrial.kinds.data import datasets, tasks
    from fairtrial.kinds.data.datasets import dataset
    from fairtrial.kinds.data.features import features, fourier, hog, patches, pixels
    from fairtrial.kinds.inits import common as inits
    from fairtrial.kinds.inits.common import (
        glorot_normal,
        glorot_uniform,
        he_normal,
        he_uniform,
        init,
        lecun_normal,
    )
    from fairtrial.kinds.losses import classes as class_losses
    from fairtrial.kinds.losses import numbers as losses
    from fairtrial.kinds.losses.classes import (
        brier,
        class_loss,
        cross_entropy,
        focal,
        generalized_cross_entropy,
        hinge,
        squared_hinge,
    )
    from fairtrial.kinds.losses.numbers import huber, hybrid, loss, mae, mixture, mse
    from fairtrial.kinds.losses.robust import (
        barron,
        cauchy,
        epsilon_insensitive,
        log_cosh,
        quantile,
        tukey,
        welsch,
    )
    from fairtrial.kinds.mechanism.tensors import tf
    from fairtrial.kinds.metrics import classes as class_metrics
    from fairtrial.kinds.metrics import numbers as metrics
    from fairtrial.kinds.metrics.numbers import metric
    from fairtrial.kinds.noise import corruptions, injections, noises
    from fairtrial.kinds.noise.corruptions import input_noise, label_noise
    from fairtrial.kinds.noise.injections import injected
    from fairtrial.kinds.noise.noises import noise
    from fairtrial.kinds.optimizers import averages, schedules
    from fairtrial.kinds.optimizers import common as optimizers
    from fairtrial.kinds.optimizers.averages import average, ema, last_epoch, tail
    from fairtrial.kinds.optimizers.common import adam, adamw, newton, optimizer, rmsprop, sgd, sgdw
    from fairtrial.kinds.optimizers.scaled import adadelta, adagrad, adamax, lion, nadam
    from fairtrial.kinds.optimizers.schedules import (
        cosine_restarts,
        exponential,
        halve_on_plateau,
        inverse_time,
        one_cycle,
        polynomial,
        reduce_on_plateau,
        schedule,
        stall_schedule,
        step,
        warmup,
    )
    from fairtrial.running.cluster import connect, start_workers
    from fairtrial.running.forecast import plan
    from fairtrial.running.run import run
    from fairtrial.running.trial import Trial
    from fairtrial.study.claims import Claim
    from fairtrial.study.recipe import Recipe
    from fairtrial.study.study import Study


def _note_threads() -> None:
    if {"polars", "tensorflow"} & sys.modules.keys():
        from fairtrial.forks import note_threads

        note_threads()


def _note_fork() -> None:
    if "fairtrial.forks" in sys.modules:
        from fairtrial.forks import note_fork

        note_fork()


if hasattr(os, "register_at_fork"):  # Not on Windows, which has no forks.
    os.register_at_fork(before=_note_threads, after_in_child=_note_fork)

if sys.flags.optimize > 1:
    from fairtrial.loading import keep_docstrings

    keep_docstrings("altair", "fairtrial")

__version__ = "0.1.0"

# The decorators of each family, and its kinds whose names no other family has; the family's module
# finds all of them, as in `fairtrial.inits.normal`, and metrics are found there alone.
_KINDS = {
    "baselines.models": (
        "baseline linear_model linear_svm nearest_neighbours random_forest sklearn svm"
    ),
    "data.datasets": "dataset",
    "data.features": "features fourier hog patches pixels",
    "inits.common": "glorot_normal glorot_uniform he_normal he_uniform init lecun_normal",
    "losses.classes": (
        "brier class_loss cross_entropy focal generalized_cross_entropy hinge squared_hinge"
    ),
    "losses.numbers": "huber hybrid loss mae mixture mse",
    "losses.robust": "barron cauchy epsilon_insensitive log_cosh quantile tukey welsch",
    "mechanism.tensors": "tf",
    "metrics.numbers": "metric",
    "noise.corruptions": "input_noise label_noise",
    "noise.injections": "injected",
    "noise.noises": "noise",
    "optimizers.averages": "average ema last_epoch tail",
    "optimizers.common": "adam adamw newton optimizer rmsprop sgd sgdw",
    "optimizers.scaled": "adadelta adagrad adamax lion nadam",
    "optimizers.schedules": (
        "cosine_restarts exponential halve_on_plateau inverse_time one_cycle polynomial "
        "reduce_on_plateau schedule stall_schedule step warmup"
    ),
}
_MODULES = {
    "plots": "plots",
    "averages": "kinds.optimizers.averages",
    "class_losses": "kinds.losses.classes",
    "class_metrics": "kinds.metrics.classes",
    "corruptions": "kinds.noise.corruptions",
    "datasets": "kinds.data.datasets",
    "inits": "kinds.inits.common",
    "injections": "kinds.noise.injections",
    "losses": "kinds.losses.numbers",
    "metrics": "kinds.metrics.numbers",
    "noises": "kinds.noise.noises",
    "optimizers": "kinds.optimizers.common",
    "schedules": "kinds.optimizers.schedules",
    "tasks": "kinds.data.tasks",
}
_PLACES = {
    **{name: f"kinds.{module}" for module, names in _KINDS.items() for name in names.split()},
    "Claim": "study.claims",
    "FairtrialError": "errors",
    "InputError": "errors",
    "MachineError": "errors",
    "Recipe": "study.recipe",
    "Study": "study.study",
    "Trial": "running.trial",
    "connect": "running.cluster",
    "images": "data.images.own_images",
    "judge": "evidence.frame",
    "plan": "running.forecast",
    "run": "running.run",
    "start_workers": "running.cluster",
}
__all__ = [
    "Claim", "FairtrialError", "InputError", "MachineError", "Recipe", "Study", "Trial", "adadelta",
    "adagrad", "adam", "adamax", "adamw", "average", "averages", "barron", "baseline", "brier",
    "cauchy", "class_loss", "class_losses", "class_metrics", "connect", "corruptions",
    "cosine_restarts", "cross_entropy", "dataset", "datasets", "ema", "epsilon_insensitive",
    "exponential", "features", "focal", "fourier", "generalized_cross_entropy", "glorot_normal",
    "glorot_uniform", "halve_on_plateau", "he_normal", "he_uniform", "hinge", "hog", "huber",
    "hybrid", "images", "init", "inits", "injected", "injections", "input_noise", "inverse_time",
    "judge", "label_noise", "last_epoch", "lecun_normal", "linear_model", "linear_svm", "lion",
    "log_cosh", "loss", "losses", "mae", "metric", "metrics", "mixture", "mse", "nadam",
    "nearest_neighbours", "newton", "noise", "noises", "one_cycle", "optimizer", "optimizers",
    "patches", "pixels", "plan", "plots", "polynomial", "quantile", "random_forest",
    "reduce_on_plateau", "rmsprop", "run", "schedule", "schedules", "sgd", "sgdw", "sklearn",
    "squared_hinge", "stall_schedule", "start_workers", "step", "svm", "tail", "tasks", "tf",
    "tukey", "warmup", "welsch",
]  # fmt: skip


def __getattr__(name: str) -> "Any":
    from importlib import import_module

    if name in _MODULES:
        return import_module(f"fairtrial.{_MODULES[name]}")
    if name not in _PLACES:
        raise AttributeError(f"module 'fairtrial' has no attribute {name!r}")
    return getattr(import_module(f"fairtrial.{_PLACES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
