"""What stopping and schedules watch after each epoch, beside the training loss."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from fairtrial.data.dataset import Dataset
from fairtrial.errors import InputError
from fairtrial.kinds.metrics.monitors import read_monitor
from fairtrial.kinds.metrics.numbers import MetricSettings
from fairtrial.parameters import Parameters
from fairtrial.results.predictions import describe_logits, describe_numbers, score
from fairtrial.training.evaluation import Read
from fairtrial.training.model import Numbers

PLACES: tuple[str, str] = ("stopping.monitor", "plateau.monitor")


class Monitors:
    """What the lanes of a stack, or one run, watch on their validation rows.

    Metrics that are measured on all rows anyway are taken from there. Every other metric of
    predictions is measured in NumPy, by its own function, in the lanes that watch it.

    `names` is all that is watched beside the loss. The numbers of each of `PLACES`, where there is
    one, say what each lane watches (...): 0 is the loss, and then come the names. There is one data
    set and seed, or for a stack of regressions S of them. `read` reads the validation rows;
    `predict` returns logits (N, K, ...), or numbers (..., N), of parameters, features and targets.
    """

    def __init__(
        self,
        names: Sequence[str],
        numbers: Numbers,
        datasets: Sequence[Dataset],
        seeds: Sequence[int],
        read: Read,
        predict: Callable[[Parameters, Any, Any], Any],
    ):
        self.watch(numbers)
        self._names, self._units, self._seeds = names, [one.unit for one in datasets], seeds
        self._read, self._predict = read, predict

    def watch(self, numbers: Numbers) -> None:
        """Take from the numbers what each lane watches."""
        self._watched = {place: numbers[place].numpy() for place in PLACES if place in numbers}

    def choose(
        self, loss: Any, parameters: Parameters, scores: Mapping[str, Any], training: Any
    ) -> tuple[Any, Any]:
        """Take what the stopping and the schedule of each lane watch: lower is better; (...) each.

        That is the epoch's mean loss, or a metric, with its sign turned where higher is better.
        `scores` has metrics of the parameters by name; `training` says which lanes still train.
        """
        chosen: dict[str, Any] = dict.fromkeys(PLACES, loss)
        rows: tuple[np.ndarray, np.ndarray] | None = None
        for position, name in enumerate(self._names, start=1):
            metric, value = read_monitor(name), scores.get(name)
            assert metric is not None
            if value is None:
                rows = rows or self._predict_rows(parameters)
                watching = sum(one == position for one in self._watched.values()) > 0
                value = self._measure(metric, *rows, watching & training.numpy())
            value = -value if metric.definition.higher_is_better else value
            for place, watched in self._watched.items():
                chosen[place] = tf.where(watched == position, value, chosen[place])
        return chosen[PLACES[0]], chosen[PLACES[1]]

    def _predict_rows(self, parameters: Parameters) -> tuple[np.ndarray, np.ndarray]:
        """Predict all validation rows, (N, K, ...) or (..., N), and return their targets too."""
        pieces = [(self._predict(parameters, X, y), y) for X, y in self._read()]
        axis = 0 if pieces[0][1].dtype.is_integer else -1
        predicted, truth = (np.concatenate(one, axis) for one in zip(*pieces, strict=True))
        return predicted, truth

    def _measure(
        self, metric: MetricSettings, predicted: np.ndarray, truth: np.ndarray, lanes: Any
    ) -> Any:
        """Measure a metric in some lanes, (...) float32; NaN in the others."""
        values = np.full(lanes.shape, np.nan)
        for lane in map(tuple, np.argwhere(lanes)):
            if truth.dtype.kind == "i":
                place, own, y = 0, predicted[(..., *lane)].astype(np.float64), truth
                forms = describe_logits(own)
            else:
                place = lane[0] if lane else 0  # The first lane axis is that of data sets.
                own, y = predicted[lane], truth[place, 0] if lane else truth
                own, y = (self._units[place].restore_targets(one) for one in (own, y))
                forms = describe_numbers(own)
            values[lane] = score([metric], y, forms)[metric.column]
            if np.isnan(values[lane]) and np.isfinite(own).all():
                raise InputError(
                    f"With seed {self._seeds[place]} the metric {metric.column!r} has no value on "
                    f"the {len(y)} validation rows, so that stopping or the schedule cannot watch "
                    "it: name another monitor, or hold out more rows."
                )
        with np.errstate(over="ignore"):  # A run that diverges has infinite errors.
            return tf.constant(values.astype(np.float32))
