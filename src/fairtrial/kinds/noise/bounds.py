"""How large the numbers of noise may be, and which of its settings make them larger."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from fairtrial.errors import InputError
from fairtrial.kinds.mechanism.kind import KindSettings
from fairtrial.kinds.mechanism.signature import refuse

MOST = 1e30  # Training is in float32.


class BoundsError(InputError):
    """Noise that fairtrial brings draws numbers that are too large; its settings are at fault."""

    def __init__(self, noise: KindSettings, what: str, advice: Mapping[str, str], joiner: str):
        self.noise, self.what, self.advice, self.joiner = noise, what, advice, joiner
        super().__init__(self.describe("noise"))

    def describe(self, place: str) -> str:
        """Say it of the noise at a place of the study, such as `task.noise`."""
        what = f"the noise {self.noise.kind!r} draws {self.what}"
        if not self.advice:
            return f"{place}: {what}: use other noise."
        settings = [f"{place}.{name} = {getattr(self.noise, name):g}" for name in self.advice]
        advice = self.joiner.join(f"a {size} {name}" for name, size in self.advice.items())
        return f"With {' and '.join(settings)}, {what}: take {advice}."


def check_bounds(noise: KindSettings, drawn: np.ndarray, draw: Callable[[Any], np.ndarray]) -> None:
    """Refuse numbers that are not finite in training; `draw` draws as other settings say.

    Of noise that fairtrial brings, those settings are at fault with whose defaults numbers are
    small enough; where there is none, all that are not defaults. Of a user's noise, the function.
    """
    what = _find_excess(drawn)
    if not what:
        return
    if not noise.definition.is_own:
        raise refuse(noise.definition.function, f"it draws {what}")
    defaults = {name: type(noise).model_fields[name].default for name in noise.definition.numbers}
    advice = {
        name: "larger" if getattr(noise, name) < default else "smaller"
        for name, default in defaults.items()
        if getattr(noise, name) != default
    }
    with np.errstate(all="ignore"):
        enough = {
            name: size
            for name, size in advice.items()
            if not _find_excess(draw(noise.model_copy(update={name: defaults[name]})))
        }
    raise BoundsError(noise, what, enough or advice, " or " if enough else " and ")


def _find_excess(drawn: np.ndarray) -> str:
    low, high = np.min(drawn, initial=0.0), np.max(drawn, initial=0.0)  # NaN where one is NaN.
    if not np.isfinite([low, high]).all():
        return "numbers that are not finite"
    return "numbers above 1e30, and training is in float32" if max(-low, high) > MOST else ""
