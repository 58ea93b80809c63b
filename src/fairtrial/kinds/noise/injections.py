"""Noise injected while training, a family for each place: targets or features, weights, rate."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Concatenate, Literal, Protocol

from fairtrial.kinds.mechanism.kind import Kind, KindSettings, P
from fairtrial.kinds.mechanism.registry import Family, decorate
from fairtrial.kinds.mechanism.signature import refuse
from fairtrial.settings.base import Count, NonNegative, Positive


class Draws(Protocol):
    """Random numbers for one place at one step; lanes of a seed share them."""

    def normal(self) -> Any:
        """Draw standard normals like what the noise is added to."""
        ...

    def uniform(self, low: Any, high: Any) -> Any:
        """Draw one number per lane from U(low, high)."""
        ...


class InjectionSettings(KindSettings):
    """Settings of noise that strikes at every step that is a multiple of `every`, step 0 too."""

    @property
    def _own_numbers(self) -> tuple[str, ...]:
        more = ("every",) if "every" in type(self).model_fields else ()
        return (*self.definition.numbers, *more)

    @property
    def interval(self) -> int:
        """After how many steps it strikes again."""
        return getattr(self, "every", 1)

    @property
    def on_features(self) -> bool:
        """Whether it is noise on the features, for classes."""
        return self.definition.place == "features"


DATA_NOISES, WEIGHT_NOISES, RATE_NOISES = (
    Family(name, InjectionSettings, is_implied=True, decorators="@ft.injected")
    for name in ("data_noise", "weight_noise", "rate_noise")
)


@dataclass(frozen=True, eq=False, kw_only=True)
class TargetNoise(Kind[P]):
    """Noise on the targets: numbers. What is drawn stays until it is drawn again.

    Attributes
    ----------
    every : int
        The default of the setting `every`: after how many steps the noise strikes again.
    """

    family = DATA_NOISES
    data = ("draws", "step")
    compiled = True
    place: ClassVar[str] = "targets"

    every: int = 500

    def add_fields(self) -> dict[str, Any]:
        """Return the setting that says when the noise strikes."""
        return {"every": (Count, self.every)}


class WeightNoise(TargetNoise[P]):
    """Noise that is added to weights and biases."""

    family = WEIGHT_NOISES
    place: ClassVar[str] = "weights"


class RateNoise(TargetNoise[P]):
    """A factor on the learning rate, which stays."""

    family = RATE_NOISES
    place: ClassVar[str] = "learning_rate"


@dataclass(frozen=True, eq=False, kw_only=True)
class FeatureNoise(Kind[P]):
    """Gaussian noise on the features of every batch; the function returns its scale."""

    family = DATA_NOISES
    data = ()
    compiled = True
    place: ClassVar[str] = "features"


PLACES: dict[str, type[TargetNoise[...]]] = {
    one.place: one for one in (TargetNoise, WeightNoise, RateNoise)
}


INTO = '@ft.injected("weights"), or "targets" or "learning_rate"'


def injected(
    into: Literal["targets", "weights", "learning_rate"], *, every: int = 500, label: str = ""
) -> Callable[[Callable[Concatenate[Draws, Any, P], Any]], TargetNoise[P]]:
    """Make noise that is injected while training.

    Parameters
    ----------
    into : str
        What the function returns is the noise on the targets, is added to weights and biases, or is
        a factor on the learning rate.
    every : int
        The default of its setting `every`.
    label : str
        Its name for readers.
    """
    if into not in PLACES:
        raise refuse(into, f"its decorator must say where to, as in {INTO}")
    return decorate(PLACES[into], None, {"every": every, "label": label})


def _order(low: float, high: float) -> str:
    return f"low ({low:g}) must not be above high ({high:g})" if low > high else ""


@decorate(TargetNoise, None, {"every": 500, "rule": _order})
def targets(draws: Draws, step: Any, *, low: NonNegative = 0.5, high: NonNegative = 2.0) -> Any:
    """For numbers: every `every` steps a fresh normal vector on the targets, in place of the last.

    Its standard deviation is drawn from U(low, high), in target units.

    References
    ----------
    The lab report, which puts this noise on the targets of its lines.
    """
    return draws.uniform(low, high) * draws.normal()


@decorate(FeatureNoise, None, {})
def features(*, scale: NonNegative) -> Any:
    """For classes: fresh Gaussian noise on the features of every batch.

    `scale` is its standard deviation, in units of the features as the model sees them: pixels are
    from 0 to 1.

    References
    ----------
    Bishop (1995), "Training with noise is equivalent to Tikhonov regularization".
    """
    return scale


@injected("weights", every=500)
def normal(draws: Draws, step: Any, *, scale: NonNegative = 0.05) -> Any:
    """Every `every` steps (batches) a draw from N(0, scale) added to each weight and bias.

    References
    ----------
    The lab report, which shakes the weights of its lines.
    """
    return scale * draws.normal()


@decorate(RateNoise, None, {"every": 200, "rule": _order})
def uniform(draws: Draws, step: Any, *, low: Positive = 0.9, high: Positive = 1.1) -> Any:
    """Every `every` steps (batches) the learning rate is multiplied by a draw from U(low, high).

    References
    ----------
    The lab report, which shakes the learning rate of its lines.
    """
    return draws.uniform(low, high)
