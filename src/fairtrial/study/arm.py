"""Arms and runs: what is trained or fitted, on what."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from fairtrial.settings.names import flatten
from fairtrial.study.baseline import BaselineSettings
from fairtrial.study.features import UNMAPPED, AnyFeatures
from fairtrial.study.recipe import Recipe
from fairtrial.study.task import AnyTask


@dataclass(frozen=True)
class Arm:
    """A named recipe of a study, with the task it is trained on; seeds apart.

    `entry` is the name of the hand-picked entry that it belongs to, `picked` are the dotted names
    that the entry sets, and `varied` those that a grid varies, in its order.
    """

    name: str
    task: AnyTask
    recipe: Recipe
    # Where an arm comes from is not what it is: arms that train alike are equal.
    entry: str | None = field(default=None, compare=False, repr=False)
    picked: frozenset[str] = field(default=frozenset(), compare=False, repr=False)
    varied: tuple[str, ...] = field(default=(), compare=False, repr=False)

    @cached_property
    def settings(self) -> dict[str, Any]:
        """Every setting by its dotted name, defaults too; those of the task begin with `task.`."""
        return flatten(self.task.model_dump(), "task.") | flatten(self.recipe.model_dump())

    @property
    def features(self) -> AnyFeatures:
        """What is made of its rows."""
        return self.recipe.features

    @property
    def is_trained(self) -> bool:
        """Whether its runs take steps; a baseline is fitted."""
        return True

    @property
    def is_fitted_once(self) -> bool:
        """Whether all seeds share one fit: of a baseline without chance, on the same rows."""
        return False

    @property
    def trained(self) -> Recipe:
        """The recipe of an arm that is no baseline; a baseline is a `TypeError`."""
        return self.recipe

    @property
    def fitted(self) -> BaselineSettings:
        """The model of an arm that is a baseline; any other is a `TypeError`."""
        raise TypeError(f"{self.name} is trained")

    @property
    def model(self) -> Recipe | BaselineSettings:
        """What its runs are made of, beside task and seed."""
        return self.recipe


@dataclass(frozen=True)
class BaselineArm(Arm):
    """A baseline of a study, with the task it is fitted on: it has no recipe."""

    recipe: Any = field(default=None, repr=False)
    baseline: BaselineSettings = field(kw_only=True)

    @cached_property
    def settings(self) -> dict[str, Any]:
        """Every setting by its dotted name; those of the model begin with `baseline.`."""
        own = flatten(self.baseline.describe(), "baseline.")
        return flatten(self.task.model_dump(), "task.") | own

    @property
    def features(self) -> AnyFeatures:
        """The rows without a map."""
        return UNMAPPED

    @property
    def is_trained(self) -> bool:
        """Whether its runs take steps: they do not."""
        return False

    @property
    def is_fitted_once(self) -> bool:
        """Whether all seeds share one fit: of a baseline without chance, on the same rows."""
        return not self.baseline.is_random and self.task.has_one_data_set

    @property
    def trained(self) -> Recipe:
        """Raise: there is no recipe."""
        raise TypeError(f"{self.name} is a baseline")

    @property
    def fitted(self) -> BaselineSettings:
        """The model."""
        return self.baseline

    @property
    def model(self) -> Recipe | BaselineSettings:
        """What its runs are made of, beside task and seed."""
        return self.baseline


@dataclass(frozen=True)
class Run:
    """One arm with one seed."""

    arm: Arm
    seed: int

    @property
    def name(self) -> str:
        """The run's key in every table: the arm's name and the seed."""
        return f"{self.arm.name} #{self.seed}"
