"""The study file, checked once and completely before anything runs: all errors are told at once."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tomli_w
from pydantic import Field

from fairtrial.errors import InputError, check_amount
from fairtrial.kinds.mechanism.plugins import reuse_plugins, use_plugins
from fairtrial.kinds.metrics.numbers import MetricSettings, find_metric
from fairtrial.paths import expand_path, locate
from fairtrial.settings.base import DataPath, Line, Settings, refuse_unnamed
from fairtrial.settings.complaints import (
    LONGEST_VALUE,
    Complaint,
    examine,
    make_error,
    name_place,
)
from fairtrial.settings.document import Document, Place, parse_toml, read_text
from fairtrial.settings.partial import is_within, list_known
from fairtrial.settings.plain import dump_given, make_plain
from fairtrial.study.arm import Arm, Run
from fairtrial.study.arms import UNKNOWN, ArmEntry, Grid, make_arms
from fairtrial.study.baseline import BaselineEntry
from fairtrial.study.claim_rules import find_claim_problems
from fairtrial.study.claims import Claim, match_claim
from fairtrial.study.metrics import NamedMetrics, find_idle_metrics, list_wanted
from fairtrial.study.recipe import Recipe
from fairtrial.study.seeds import Seeds, list_seeds
from fairtrial.study.task import Task

# Tables whose names are not fields, such as dotted names of settings.
FREE = {"set", "vary", "better", "than", "where", "of", "against"}


class Study(Settings):
    """What varies, over how many seeds, and what is claimed.

    With `only_claimed`, only the arms that a claim compares are trained. Verdicts are adjusted for
    the number of claims, or for `adjust_for_claims`, where the study is a part of one that states
    more. `seeds` is how many, from 0 on; or a list of them; or a name, as in `"Ada"` or
    `{ name = "Ada", count = 20 }`. `plugins` names files of Python code beside the study file that
    add kinds of losses, optimizers and so on; they run only where that is allowed. `metrics` adds
    metrics of predictions to those that every run is measured by; a claim adds the one it is on.

    Examples
    --------
    >>> study = Study.from_toml('''
    ... name = "Rates"
    ... seeds = 3
    ... [task]
    ... kind = "line"
    ... [recipe]
    ... loss = "mse"
    ... optimizer = { kind = "sgd", learning_rate = 0.01 }
    ... steps = 100
    ... [vary]
    ... "optimizer.learning_rate" = [0.01, 0.1]
    ... ''')
    >>> [arm.name for arm in study.list_arms()]
    ['optimizer.learning_rate=0.01', 'optimizer.learning_rate=0.1']
    >>> len(study.list_runs())
    6
    """

    name: Line
    seeds: Seeds = 20
    task: Task
    recipe: Recipe
    vary: Grid = {}
    arms: list[ArmEntry] = []
    baselines: list[BaselineEntry] = []
    metrics: NamedMetrics = []
    claims: list[Claim] = []
    only_claimed: bool = False
    adjust_for_claims: Annotated[int, Field(ge=1)] | None = None
    plugins: list[DataPath] = []

    @property
    def n_claims(self) -> int:
        """How many claims verdicts are adjusted for."""
        return self.adjust_for_claims or len(self.claims)

    if not TYPE_CHECKING:

        def __init__(self, *unnamed: Any, allow_code: bool = False, **values: Any) -> None:
            refuse_unnamed(Study, unnamed)
            document = Document("study", _make_canonical(values))
            _check(document, allow_code)
            super().__init__(**document.values)

        __init__.__pydantic_base_init__ = True

    @classmethod
    def load(cls, path: str | Path, allow_code: bool = False) -> "Study":
        """Read and check a study file.

        Parameters
        ----------
        path : str or Path
            The file.
        allow_code : bool
            Whether files of code that the study names as plugins may run, if they were never
            allowed before.

        Raises
        ------
        InputError
            With every error of the file, if it cannot be read or breaks a rule.
        """
        document = parse_toml(read_text(path), str(path))
        values = _resolve_paths(document.values, locate(path).parent)
        return _check_study(Document(document.source, values, document.text), allow_code)

    @classmethod
    def from_toml(cls, text: str, source: str = "study", allow_code: bool = False) -> "Study":
        """Check a study written as TOML; `source` is what errors call it; see `load`.

        Raises
        ------
        InputError
            With every error of the text.
        """
        if not isinstance(text, str) or re.fullmatch(r"\S+\.toml", text):
            raise InputError(
                f"{source}: {str(text)[:LONGEST_VALUE]!r} is not the text of a study: read a file "
                "with Study.load(path)."
            )
        return _check_study(parse_toml(text, source), allow_code)

    def replace(self, **changes: object) -> "Study":
        """Return the study with some fields changed, checked as a whole.

        Raises
        ------
        InputError
            If a change breaks a rule.
        """
        return _check_study(Document(self.name, dump_given(self) | changes))

    def take_claims(self, claims: object, document: Document | None = None) -> "Study":
        """Return the study with other claims; `document` is the file that has them, if one does.

        Raises
        ------
        InputError
            If they break a rule.
        """
        changes = {"claims": claims, "adjust_for_claims": None}
        source, text = (document.source, document.text) if document else (self.name, None)
        return _check_study(Document(source, dump_given(self) | changes, text))

    def list_seeds(self, count: int | None = None) -> list[int]:
        """Return the seeds themselves; with `count`, so many: those that follow come after them.

        See `fairtrial.study.seeds.list_seeds`. It is an `InputError` if `count` is no whole number.
        """
        if count is not None:
            check_amount("count", count, 0)
        return list_seeds(self.seeds, count)

    def take_seeds(self, count: int) -> "Study":
        """Return the study with so many seeds: of its name where it has one, else from 0 on.

        Raises
        ------
        InputError
            If there cannot be so many.
        """
        name = self.seeds if isinstance(self.seeds, str) else getattr(self.seeds, "name", None)
        return self.replace(seeds=count if name is None else {"name": name, "count": count})

    def take_data(self, folder: str | Path) -> "Study":
        """Return the study with Fashion-MNIST read from a folder; others do not read it."""
        if self.task.kind != "fashion_mnist":
            return self
        return self.replace(task={**dump_given(self.task), "path": str(folder)})

    def list_arms(self) -> list[Arm]:
        """Expand the grid and the hand-picked arms; with `only_claimed` those that claims compare.

        Raises
        ------
        InputError
            With every error of every arm; only where the study was made unchecked.
        """
        reuse_plugins(self.plugins)
        base = {"task": dump_given(self.task), "recipe": dump_given(self.recipe)}
        arms, complaints = make_arms(base, self.vary, self.arms, self.baselines)
        if arms is None or complaints:
            raise make_error(Document(self.name, {}), complaints)
        if not self.only_claimed:
            return arms
        claimed = {
            arm.name for c in self.claims for match in match_claim(arms, c) for arm in match.arms
        }
        return [arm for arm in arms if arm.name in claimed]

    def narrow(self, number: int) -> "Study":
        """Return the study of one claim alone, with the arms that it compares.

        Its verdict is adjusted for all claims of the study, as it is in the whole study.

        Parameters
        ----------
        number : int
            The claim's, from 1.

        Raises
        ------
        InputError
            If there is no such claim.
        """
        check_amount("number", number, 1)
        if number > len(self.claims):
            has = {0: "no claims", 1: "1 claim"}.get(len(self.claims), f"{len(self.claims)} claims")
            raise InputError(
                f"There is no claim {number}: the study states {has}, counted from 1 (claims[0] in "
                "errors is claim 1)."
            )
        return self.replace(
            claims=[dump_given(self.claims[number - 1])],
            only_claimed=True,
            adjust_for_claims=self.n_claims,
        )

    @property
    def needs_averages(self) -> bool:
        """Whether a claim can be split into parts that need the mean of a run's last iterates."""
        found = (find_metric(claim.on) for claim in self.claims)
        return any(one is not None and one.of_the_end for one in found)

    def list_metrics(self) -> list[MetricSettings]:
        """Return the metrics of predictions that it adds to those that every run has."""
        return list_wanted(self.metrics, (claim.on for claim in self.claims))

    def list_runs(self) -> list[Run]:
        """Return every arm with every seed, arm by arm."""
        seeds = self.list_seeds()
        return [Run(arm, seed) for arm in self.list_arms() for seed in seeds]

    def to_toml(self) -> str:
        """Write the study as TOML that `from_toml` reads back to an equal study."""
        return tomli_w.dumps(dump_given(self))


def _check_study(document: Document, allow_code: bool = False) -> Study:
    """Make a study of a document's values, with every rule of settings, arms and claims checked."""
    values = _make_canonical(document.values)
    return _check(Document(document.source, values, document.text), allow_code)


def _make_canonical(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Write values as a file does; relative paths are taken from the working directory."""
    return _resolve_paths(make_plain(values), Path())


def _check(document: Document, allow_code: bool) -> Study:
    plugins = document.values.get("plugins", [])
    if isinstance(plugins, list):  # Else it is told below.
        paths = [str(locate(path)) for path in plugins if path and isinstance(path, str)]
        use_plugins(paths, allow_code)
    study, complaints = examine(Study, document.values)
    complaints += _find_problems(study, document.values, complaints)
    places = [one.place for one in complaints if not one.is_rule]
    complaints += (
        one
        for one in _find_nothing(document.values)
        if not any(is_within(one.place, place) for place in places)
    )
    if complaints:
        raise make_error(document, complaints)
    return study


def _find_nothing(values: Any, place: Place = ()) -> Iterator[Complaint]:
    """Yield a complaint for each None in a table of free names: a study file cannot say it."""
    if isinstance(values, Mapping):
        children: Iterable[tuple[Any, Any]] = values.items()
    else:
        children = enumerate(values) if isinstance(values, list) else ()
    for key, value in children:
        here = (*place, key)
        if value is not None:
            yield from _find_nothing(value, here)
        elif FREE & {*place}:
            text = f"{name_place(here)} = None: leave it out, or give it a value."
            yield Complaint(text, (here,))


def _resolve_paths(values: Any, folder: Path, name: str = "") -> Any:
    """Take the paths of data, wherever a study file names them, from the file's folder."""
    if isinstance(values, Mapping):
        return {
            key: _resolve_paths(value, folder, f"{name}.{key}")
            # A list is needed; a path alone is shown as it was written.
            if (name, key) != ("", "plugins") or isinstance(value, list)
            else value
            for key, value in values.items()
        }
    if isinstance(values, list):
        return [_resolve_paths(value, folder, name) for value in values]
    is_path = name == ".plugins" or name.endswith(".task.path")
    if not isinstance(values, str) or not values or not is_path:
        return values
    return str(locate(folder / expand_path(values)))


# ---------------------------------------------------------- the rules between the parts of a study


def _find_problems(
    study: Study, values: Mapping[str, Any], wrong: Sequence[Complaint]
) -> Iterator[Complaint]:
    """Find what is wrong with the arms and claims of a study, of which something may be `wrong`."""
    parts, places = vars(study), [one.place for one in wrong]
    told = [one for one in wrong if one.place[:1] in (("task",), ("recipe",))]
    base = {
        name: values[name] if told else dump_given(parts[name])
        for name in ("task", "recipe")
        if name in values
    }
    baselines = parts.get("baselines", [])
    arms, complaints = make_arms(
        base, _take_grid(parts, values, places), _take_entries(parts, values, places),
        baselines, told,
    )  # fmt: skip
    yield from complaints
    # A claim may select just those arms whose names are wrong.
    forms = {place[0] for place in places if place and place[0] in ("vary", "arms")}
    are_named = {"vary", "arms", "baselines"} <= {*parts} and not forms
    if arms is None or not are_named or not all("name" in vars(one) for one in baselines):
        arms = None
    elif all(arm.is_whole for arm in arms):
        yield from find_idle_metrics(parts.get("metrics", []), [arm.task for arm in arms])
    yield from list_known(_find_excess_of_claims(study))
    for position, claim in enumerate(parts.get("claims", [])):
        yield from find_claim_problems(claim, position, arms, parts.get("metrics", []))


def _take_grid(
    parts: Mapping[str, Any], values: Mapping[str, Any], wrong: Iterable[Place], *here: Any
) -> dict[str, Any] | None:
    """Take the grid of a table, with `UNKNOWN` for lists that are wrong; None if all of it is."""
    place, grid = (*here, "vary"), values.get("vary")
    if "vary" in parts or not isinstance(grid, Mapping) or place in wrong:
        return parts.get("vary")
    return {
        name: [UNKNOWN] if any(is_within(one, (*place, name)) for one in wrong) else grid[name]
        for name in grid
    }


def _take_entries(
    parts: Mapping[str, Any], values: Mapping[str, Any], wrong: Sequence[Place]
) -> list[ArmEntry | None]:
    """Take the hand-picked arms, as far as what they change is known; else None."""
    entries: list[ArmEntry | None] = []
    for at, entry in enumerate(parts.get("arms", [None])):
        known = vars(entry) if entry else {}
        grid = _take_grid(known, values["arms"][at], wrong, "arms", at) if "set" in known else None
        made = {"name": f"arms[{at}]", **known, "vary": grid}
        entries.append(None if grid is None else ArmEntry.model_construct(**made))
    return entries


def _find_excess_of_claims(study: Study) -> Iterator[Complaint]:
    most = study.adjust_for_claims
    if most is not None and most < len(study.claims):
        text = (
            f"adjust_for_claims = {most} must be at least the number of claims, which is "
            f"{len(study.claims)}."
        )
        yield Complaint(text, (("adjust_for_claims",),))
