"""Arms and runs: what is trained or fitted, on what."""

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
    """A named recipe of a study, or a baseline, with the task it is trained on; seeds apart.

    `entry` is the name of the hand-picked entry that it belongs to, `picked` are the dotted names
    that the entry sets, and `varied` those that a grid varies, in its order.
    """

    name: str
    task: AnyTask
    model: Recipe | BaselineSettings
    # Where an arm comes from is not what it is: arms that train alike are equal.
    entry: str | None = field(default=None, compare=False, repr=False)
    picked: frozenset[str] = field(default=frozenset(), compare=False, repr=False)
    varied: tuple[str, ...] = field(default=(), compare=False, repr=False)

    @cached_property
    def settings(self) -> dict[str, Any]:
        """Every setting by its dotted name, defaults too.

        Those of the task begin with `task.`, those of a baseline with `baseline.`.
        """
        model = self.model
        is_recipe = isinstance(model, Recipe)
        own = flatten(model.model_dump()) if is_recipe else flatten(model.describe(), "baseline.")
        return flatten(self.task.model_dump(), "task.") | own

    @property
    def is_trained(self) -> bool:
        """Whether its runs take steps; a baseline is fitted."""
        return isinstance(self.model, Recipe)

    @property
    def is_fitted_once(self) -> bool:
        """Whether all seeds share one fit: of a baseline without chance, on the same rows."""
        return not self.is_trained and not self.baseline.is_random and self.task.has_one_data_set

    @property
    def recipe(self) -> Recipe:
        """The recipe of an arm that is no baseline; of a baseline a `TypeError`."""
        if isinstance(self.model, Recipe):
            return self.model
        raise TypeError(f"{self.name} is a baseline")

    @property
    def baseline(self) -> BaselineSettings:
        """The model of an arm that is a baseline; of any other a `TypeError`."""
        if isinstance(self.model, BaselineSettings):
            return self.model
        raise TypeError(f"{self.name} is trained")

    @property
    def features(self) -> AnyFeatures:
        """What is made of its rows: nothing, where it is a baseline."""
        return self.recipe.features if self.is_trained else UNMAPPED


@dataclass(frozen=True)
class Run:
    """One arm with one seed."""

    arm: Arm
    seed: int

    @property
    def name(self) -> str:
        """The run's key in every table: the arm's name and the seed."""
        return f"{self.arm.name} #{self.seed}"
