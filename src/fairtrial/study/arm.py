"""Arms and runs: what is trained or fitted, on what."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from fairtrial.settings.names import flatten
from fairtrial.settings.partial import KnownValues, UnknownSettingError, dump_known, list_unknown
from fairtrial.study.baseline import BaselineSettings
from fairtrial.study.features import UNMAPPED, AnyFeatures
from fairtrial.study.recipe import Recipe
from fairtrial.study.task import AnyTask


@dataclass(frozen=True)
class Arm:
    """A named recipe of a study, or a baseline, with the task it is trained on; seeds apart.

    `entry` is the name of the hand-picked entry that it belongs to, `picked` are the dotted names
    that the entry sets, and `varied` those that a grid varies, in its order. To read what is
    unknown of an arm that `make_partial_arm` makes raises `UnknownSettingError`.
    """

    name: str
    task: AnyTask
    model: Recipe | BaselineSettings
    # Where an arm comes from is not what it is: arms that train alike are equal.
    entry: str | None = field(default=None, compare=False, repr=False)
    picked: frozenset[str] = field(default=frozenset(), compare=False, repr=False)
    varied: tuple[str, ...] = field(default=(), compare=False, repr=False)

    @property
    def is_whole(self) -> bool:
        """Whether all of it is known."""
        return not isinstance(vars(self).get("settings"), KnownValues)

    @cached_property
    def settings(self) -> dict[str, Any]:
        """Every setting by its dotted name, defaults too.

        Those of the task begin with `task.`, those of a baseline with `baseline.`.
        """
        model = self.model
        is_recipe = isinstance(model, Recipe)
        own = flatten(model.model_dump()) if is_recipe else flatten(model.describe(), "baseline.")
        return flatten(self.task.model_dump(), "task.") | own

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name in ("task", "model"):
                raise UnknownSettingError(name)
            raise AttributeError(name)

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


def make_partial_arm(
    name: str,
    known: Mapping[str, BaseModel],
    wrong: Iterable[str],
    others: Iterable[str] = tuple(Recipe.model_fields),
    **origin: Any,
) -> Arm:
    """Make an arm of what is known of its `task` and its `recipe`; `origin` is as in `Arm`.

    Settings that are `wrong`, by dotted names, are unknown; without a recipe, so are its settings
    of the names of `others`.
    """
    unknown = list(wrong)
    settings: dict[str, Any] = {}
    for part, prefix, names in (("task", "task.", ["task"]), ("recipe", "", others)):
        one = known.get(part)
        unknown += names if one is None else list_unknown(one, prefix)
        settings |= {} if one is None else flatten(dump_known(one), prefix)
    parts = {"task": known.get("task"), "model": known.get("recipe")}
    arm = object.__new__(Arm)
    vars(arm).update({"entry": None, "picked": frozenset(), "varied": (), **origin, "name": name})
    vars(arm).update({part: one for part, one in parts.items() if one is not None})
    vars(arm).update(settings=KnownValues(settings, unknown))
    return arm


@dataclass(frozen=True)
class Run:
    """One arm with one seed."""

    arm: Arm
    seed: int

    @property
    def name(self) -> str:
        """The run's key in every table: the arm's name and the seed."""
        return f"{self.arm.name} #{self.seed}"
