"""Reported numbers beside what the same settings give, compared to the last printed digit."""

import re
from decimal import Context, Decimal
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from fairtrial.kinds.data.tasks import line
from fairtrial.kinds.noise.noises import NOISES
from fairtrial.progress import Progress, Status
from fairtrial.settings.base import Settings
from fairtrial.settings.complaints import check
from fairtrial.settings.document import parse_toml, read_text
from fairtrial.study.conflicts import find_conflicts
from fairtrial.study.recipe import Recipe
from fairtrial.study.task import Task

if TYPE_CHECKING:
    from fairtrial.training.trace import Trace

NUMBER = re.compile(r"[+-]?[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,2})?")
# Enough for the digits of the largest float and for the most decimals that NUMBER allows.
EXACT = Context(prec=500)
SHIPPED = Path(str(resources.files("fairtrial") / "lab" / "replay.toml"))
QUANTITY = re.compile(r"loss(@[0-9]{1,9})?|slope|intercept|stopped_at")


class ReportedRun(Settings):
    """One run of a replay file: its settings, and what was reported of it, as text."""

    label: Annotated[str, Field(min_length=1)]
    draws: Literal["named", "tensorflow"] = "named"
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    task: Task
    recipe: Recipe
    reported: Annotated[dict[str, str], Field(min_length=1)]

    @field_validator("task")
    @classmethod
    def _check_task(cls, task: Any) -> Any:
        if task.definition is not line:
            raise ValueError(f"{task.kind!r} cannot be replayed: only a line can")
        return task

    @field_validator("reported")
    @classmethod
    def _check_reported(cls, reported: dict[str, str]) -> dict[str, str]:
        problems = []
        for quantity, text in reported.items():
            if not QUANTITY.fullmatch(quantity):
                problems.append(
                    f"{quantity!r} is not a quantity: use loss, loss@STEP, slope, intercept or "
                    "stopped_at"
                )
            if not NUMBER.fullmatch(text):
                problems.append(f'{quantity} = {text!r} is not a number as text, like "0.9860"')
        if problems:
            raise ValueError("; ".join(problems))
        return reported

    @model_validator(mode="after")
    def _check_match(self) -> "ReportedRun":
        conflicts = [each.text.rstrip(".") for each in find_conflicts(self.task, self.recipe)]
        if conflicts:
            raise ValueError("; ".join(conflicts))
        noise, init = self.task.noise, self.recipe.init
        cannot = "cannot be drawn from TensorFlow's generator: use"
        if self.draws == "tensorflow" and not noise.is_replayed:
            known = ", ".join(kind.name for kind in NOISES if kind().is_replayed)
            raise ValueError(
                f"task.noise = {noise.kind!r} {cannot} one of {known}, or leave out draws"
            )
        if self.draws == "tensorflow" and not init.is_replayed:
            raise ValueError(
                f"recipe.init = {init.kind!r} {cannot} 'normal' or 'constant', or leave out draws"
            )
        return self


class ReplayFile(Settings):
    """A list of reported runs."""

    run: Annotated[list[ReportedRun], Field(min_length=1)]

    @classmethod
    def load(cls, path: str | Path) -> "ReplayFile":
        """Read and check a replay file; an `InputError` has every error of it."""
        return check(cls, parse_toml(read_text(path), str(path)))


def replay(file: ReplayFile, progress: Progress = lambda status: None) -> list[dict[str, Any]]:
    """Train every run of a replay file, bit by bit as the eager driver does, and compare.

    Returns for each figure `label`, `quantity`, `reported`, `replayed` (both text with the same
    digits) and `match`.
    """
    comparisons = []
    n_runs = len(file.run)
    for done, run in enumerate(file.run):
        progress(Status(f"replay: {run.label}", done / n_runs, 1, done, n_runs))
        trace = _train(run)
        comparisons += [
            _compare(run.label, quantity, reported, _find(trace, quantity))
            for quantity, reported in run.reported.items()
        ]
    return comparisons


def _train(run: ReportedRun) -> "Trace":
    # TensorFlow takes seconds to load, and a file's errors should not wait for it.
    from fairtrial.data.load import load_dataset
    from fairtrial.lab.stateful import StatefulDraws, draw_line
    from fairtrial.training import eager

    if run.draws == "tensorflow":
        dataset, start = draw_line(run.task, run.recipe.init, run.seed)
        return eager.train_in_graphs(run.recipe, dataset, run.seed, start, StatefulDraws())
    return eager.train_in_graphs(run.recipe, load_dataset(run.task, run.seed), run.seed)


def _find(trace: "Trace", quantity: str) -> float | None:
    """Find a quantity in what a run has left; None if it did not get so far."""
    if quantity == "slope":
        return float(trace.W[0])
    if quantity == "intercept":
        return float(trace.b)
    if quantity == "stopped_at":
        return None if trace.outcome == "completed" else trace.ended_at
    losses, step = trace.curves["loss"][1], quantity.partition("@")[2]
    place = int(step) if step else len(losses) - 1
    return float(losses[place]) if place < len(losses) else None


def _compare(label: str, quantity: str, reported: str, value: float | None) -> dict[str, Any]:
    """Round the value to the reported text's digits and compare the digits."""
    if value is None or not Decimal(value).is_finite():
        replayed, match = "none" if value is None else str(value), False
    else:
        target = Decimal(reported)
        rounded = Decimal(value).quantize(target, context=EXACT)
        replayed, match = f"{rounded:f}", rounded == target
    return {
        "label": label, "quantity": quantity, "reported": reported, "replayed": replayed,
        "match": match,
    }  # fmt: skip
