"""The laws of what is drawn outside of programs: starts, and the noise of tasks."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from fairtrial.errors import InputError
from fairtrial.kinds.inits.common import Init
from fairtrial.kinds.noise.corruptions import InputNoise, LabelNoise
from fairtrial.kinds.noise.noises import Noise, NoiseSettings
from fairtrial.laws.examples import make_example
from fairtrial.randomness import make_stream

N_ROWS = 20_000


def find_breaches_of_init(kind: Init[...]) -> Iterator[str]:
    """Yield what breaks the laws of a start."""
    settings = make_example(kind)
    for of_weights in [settings.shape] if settings.shape else [(5,), (5, 3)]:
        for draw, shape, what in zip(
            (settings.draw_weights, settings.draw_biases),
            (of_weights, of_weights[1:]),
            ("weights", "biases"),
            strict=True,
        ):
            one, same = (draw(make_stream(3, "law"), shape) for _ in range(2))
            if one.shape != shape:
                yield f"its {what} are {one.shape} where {shape} is asked for"
                return
            if not np.isfinite(one).all():
                yield f"its {what} are not finite"
            if not np.array_equal(one, same):
                yield f"its {what} differ when they are drawn again from the same stream"


def find_breaches_of_noise(kind: Noise[...]) -> Iterator[str]:
    """Yield what breaks the laws of noise."""
    settings = make_example(kind)
    X = make_stream(3, "law.X").standard_normal((N_ROWS, 2))
    try:
        one, same = (
            np.asarray(settings.draw(make_stream(3, "law"), N_ROWS, X), float) for _ in range(2)
        )
    except InputError as error:  # It names the function and the line.
        yield str(error).partition(f"{kind.name}: ")[2].rstrip(".")
        return
    if not np.array_equal(one, same):
        yield "it draws other numbers when it is called again with the same stream"
    if kind.density is not None:
        yield from _compare_density(settings, one)


def find_breaches_of_input_noise(kind: InputNoise[...]) -> Iterator[str]:
    """Yield what breaks the laws of noise on features."""
    settings, X = make_example(kind), make_stream(3, "law.X").random((500, 4))
    one, same = (np.asarray(settings.draw(make_stream(3, "law"), X)) for _ in range(2))
    if one.shape != X.shape:
        yield f"it returns {one.shape} for features {X.shape}, and must keep the shape"
    elif not np.isfinite(one).all():
        yield "it returns features that are not finite"
    elif not np.array_equal(one, same):
        yield "it draws other numbers when it is called again with the same stream"


def find_breaches_of_label_noise(kind: LabelNoise[...]) -> Iterator[str]:
    """Yield what breaks the laws of noise on labels."""
    settings, labels = make_example(kind), np.arange(900, dtype=np.int32) % 3
    one, same = (np.asarray(settings.draw(make_stream(3, "law"), labels, 3)) for _ in range(2))
    if one.shape != labels.shape:
        yield f"it returns {one.shape} for {len(labels)} labels, and must return one label per row"
    elif not np.isin(one, range(3)).all():
        yield "it returns labels that are no class: whole numbers from 0, below n_classes"
    elif not np.array_equal(one, same):
        yield "it draws other labels when it is called again with the same stream"


def _compare_density(settings: NoiseSettings, drawn: np.ndarray) -> Iterator[str]:
    """Yield a sentence where the shares of draws in bins are not what the density says."""
    edges = np.quantile(drawn, np.linspace(0.01, 0.99, 21))
    for low, high in pairwise(edges):
        at = np.linspace(low, high, 201)
        share = float(np.trapezoid(np.asarray(settings.measure_density(at)), at))
        found = float(np.mean((drawn > low) & (drawn <= high)))
        if abs(share - found) > 6 * np.sqrt(0.05 / len(drawn)):
            yield (
                f"its density says that {share:.3f} of the draws lie between {low:.3g} and "
                f"{high:.3g}, and {found:.3f} do"
            )
            return
