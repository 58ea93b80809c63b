"""The laws of losses, on numbers and on classes."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from fairtrial.kinds.losses.classes import cross_entropy, measure_labels
from fairtrial.kinds.losses.numbers import (
    AnyLossSettings,
    Minimiser,
    Pieces,
    Smooth,
    average_losses,
    mae,
    measure_rows,
    mse,
)
from fairtrial.kinds.mechanism.failures import ResultError, check_tensor
from fairtrial.laws.examples import make_recipe
from fairtrial.optimum import measure_objective
from fairtrial.training.hyperparameters import list_kinds, make_numbers
from fairtrial.training.programs import compile_program

RESIDUALS = np.array([-7.5, -1.2, -0.31, -0.2, 0.05, 0.29, 0.6, 0.99, 1.01, 40.0])
EXTREMES = np.array([0.0, 1e-20, -1e-20, 1e20, -1e20, np.inf], np.float32)
LOGITS = np.random.default_rng(1).normal(size=(7, 4)) * 3
LABELS = np.array([0, 3, 1, 1, 2, 0, 3], np.int32)
FINE, COARSE = 1e-6, 1e-5  # Widths of finite differences; where they disagree there is a kink.


def find_breaches(settings: AnyLossSettings) -> Iterator[str]:
    """Yield what breaks the laws of a loss."""
    return (_find_breaches_on_classes if settings.on_classes else _find_breaches)(settings)


def _find_breaches(settings: AnyLossSettings) -> Iterator[str]:
    try:
        values = measure_rows(settings, RESIDUALS)
    except (tf.errors.InvalidArgumentError, TypeError, ValueError) as error:
        measure_rows(settings, RESIDUALS.astype(np.float32))  # Another error, if this is one too.
        reason = str(error).strip().splitlines()[0].rstrip(".")
        yield (
            "it works with float32 residuals alone; write constants as Python numbers, such as "
            f"math.log(2.0) ({reason.removeprefix('a wrong result: ')})"
        )
        return
    if not np.isfinite(values).all():
        yield "it is not finite at ordinary residuals"
    slopes = np.array([_differentiate(settings, one) for one in RESIDUALS])
    yield from _compare_slopes(slopes, lambda width: _difference(settings, RESIDUALS, width))
    yield from _find_extremes(settings)
    if settings.is_convex and (np.diff(slopes) < -FINE * np.abs(slopes[1:])).any():
        yield "its slope falls somewhere as the residual grows; say is_convex=False"
    if (bound := settings.slope_bound) is not None:
        most = max(abs(_differentiate(settings, one)) for one in (*RESIDUALS, 1e3, -1e6))
        if most > bound * (1 + 1e-6):
            yield f"its slope_bound is {bound:g}, but its slope reaches {most:g}"
    yield from _compare_minimiser(settings.minimiser, values)
    yield from _compare_lanes(settings)


def _differentiate(settings: AnyLossSettings, residual: float) -> float:
    terms, numbers = _state([settings], ())
    numbers = {name: tf.cast(number, tf.float64) for name, number in numbers.items()}
    at = tf.constant([residual], tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(at)
        loss = average_losses(terms, at, numbers)
    if (slope := tape.gradient(loss, at)) is None:
        raise ResultError("it has no gradient: compute with functions of tf, of the residual")
    return float(np.asarray(slope)[0])


def _difference(settings: AnyLossSettings, at: np.ndarray, width: float) -> np.ndarray:
    rise = measure_rows(settings, at + width) - measure_rows(settings, at - width)
    return rise / (2 * width)


def _compare_slopes(found: np.ndarray, difference: Any) -> Iterator[str]:
    fine, coarse = difference(FINE), difference(COARSE)
    size = 1.0 + np.abs(fine)
    smooth = np.abs(fine - coarse) <= 1e-4 * size
    if np.any(smooth & ~(np.abs(found - fine) <= 1e-4 * size)):
        yield "its gradient is not the slope of its values"


def _find_extremes(settings: AnyLossSettings) -> Iterator[str]:
    terms, numbers = _state([settings], (1,))
    for residual in EXTREMES:
        at = tf.constant([[residual]])
        with tf.GradientTape() as tape:
            tape.watch(at)
            loss = average_losses(terms, at, numbers)
        slope = float(np.asarray(tape.gradient(loss, at))[0, 0])
        if np.isnan(loss[0]) or (np.isfinite(residual) and np.isnan(slope)):
            yield f"it, or its gradient, is not a number in float32 at the residual {residual:g}"
        elif settings.slope_bound is not None and np.isfinite(residual) and np.isinf(loss[0]):
            yield f"it has a slope_bound, but is infinite in float32 at the residual {residual:g}"


def _compare_minimiser(minimiser: Minimiser, values: np.ndarray) -> Iterator[str]:
    if isinstance(minimiser, list):
        total = np.sum([_add_up(pieces, RESIDUALS) for pieces in minimiser], 0)
        # A constant moves no minimum.
        if not np.allclose(values - values[0], total - total[0], rtol=1e-9, atol=1e-12):
            yield "its minimiser states pieces that do not add up to the loss"
    if isinstance(minimiser, Smooth):
        low, high = RESIDUALS - FINE, RESIDUALS + FINE
        slopes = (minimiser.value(high) - minimiser.value(low)) / (2 * FINE)
        bends = (minimiser.slope(high) - minimiser.slope(low)) / (2 * FINE)
        if not np.allclose(values, minimiser.value(RESIDUALS), rtol=1e-9, atol=1e-12):
            yield "its minimiser states other values than the loss"
        if not np.allclose(minimiser.slope(RESIDUALS), slopes, rtol=1e-6, atol=1e-6):
            yield "its minimiser states slopes that are not those of its values"
        if not np.allclose(minimiser.curvature(RESIDUALS), bends, rtol=1e-6, atol=1e-6):
            yield "its minimiser states curvatures that are not those of its slopes"


def _add_up(pieces: Pieces, residual: np.ndarray) -> np.ndarray:
    a, c, width, tilt, shift = pieces
    s = residual - shift
    size = np.abs(s)
    within = np.minimum(size, width) if width else size
    rounded = within / width * (size - within / 2) if width else size
    return a * s**2 + tilt * s + c * rounded


def _compare_lanes(settings: AnyLossSettings) -> Iterator[str]:
    """Yield a sentence where a compiled stack with other losses gives another loss."""
    lanes = [mse(), settings, mae()]
    terms, numbers = _state(lanes, (1, len(lanes)))
    shifted = [RESIDUALS + lane for lane in range(len(lanes))]
    residuals = np.array(shifted, np.float32)[None]
    compiled = compile_program(lambda at, numbers: average_losses(terms, at, numbers))
    found = compiled(tf.constant(residuals), numbers).numpy()[0]
    for lane, one in enumerate(lanes):
        own, own_numbers = _state([one], ())
        alone = float(average_losses(own, tf.constant(residuals[0, lane]), own_numbers))
        if not np.isclose(found[lane], alone, rtol=1e-5, equal_nan=True):
            yield f"in a stack with other losses, {one.kind} is {found[lane]:g}, not {alone:g}"


def _state(losses: Sequence[AnyLossSettings], shape: tuple[int, ...]) -> tuple[Any, dict[str, Any]]:
    recipes = [make_recipe(loss=loss) for loss in losses]
    return list_kinds(recipes).losses, make_numbers(recipes, shape)


def _find_breaches_on_classes(settings: AnyLossSettings) -> Iterator[str]:
    def measure(logits: Any) -> Any:
        return settings.call_function(logits, tf.constant(LABELS))

    logits = tf.constant(LOGITS)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        values = check_tensor(measure(logits), LABELS.shape, logits)
        total = tf.reduce_sum(values)
    if (slopes := tape.gradient(total, logits)) is None:
        yield "it has no gradient: compute with functions of tf, of the logits"
        return
    slopes = np.asarray(slopes)
    if not isinstance(settings.minimiser, str):
        recipe = make_recipe(loss=settings, steps=None, epochs=1, batch_size=2)
        stated = measure_objective(recipe, LOGITS, LABELS, np.eye(LOGITS.shape[1]), np.zeros(1))
        if not np.isclose(stated, np.mean(values), rtol=1e-9):
            yield "its minimiser is that of another loss"

    def difference(width: float) -> np.ndarray:
        found = np.zeros_like(LOGITS)
        for place in np.ndindex(LOGITS.shape):
            nudge = np.zeros_like(LOGITS)
            nudge[place] = width
            rise = measure(tf.constant(LOGITS + nudge)) - measure(tf.constant(LOGITS - nudge))
            found[place] = float(tf.reduce_sum(rise)) / (2 * width)
        return found

    yield from _compare_slopes(slopes, difference)
    for size in (0.0, 1e-20, 1e20):
        if np.isnan(np.asarray(measure(tf.constant(np.float32(LOGITS * size))))).any():
            yield f"it is not a number in float32 at logits of size {size:g}"
    yield from _compare_class_lanes(settings)


def _compare_class_lanes(settings: AnyLossSettings) -> Iterator[str]:
    losses = [cross_entropy(), settings]
    recipes = [make_recipe(loss=loss, steps=None, epochs=1, batch_size=2) for loss in losses]
    terms, numbers = list_kinds(recipes).losses, make_numbers(recipes, (len(losses),))
    logits = np.stack([LOGITS, LOGITS * 0.5], -1).astype(np.float32)
    compiled = compile_program(
        lambda at, numbers: measure_labels(terms, at, tf.constant(LABELS), numbers)
    )
    found = compiled(tf.constant(logits), numbers).numpy()
    for lane, one in enumerate(losses):
        alone = one.call_function(tf.constant(logits[..., lane]), tf.constant(LABELS))
        if not np.allclose(found[:, lane], alone, rtol=1e-4, atol=1e-6):
            yield f"in a stack with other losses, {one.kind} has other values than alone"
