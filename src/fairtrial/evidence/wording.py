"""What a cause says, in sentences that say no more than what is tested."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from fairtrial.evidence.cause import Cause, Lack
from fairtrial.evidence.pairs import Pairs
from fairtrial.evidence.verdict import Tests
from fairtrial.results.verdicts import PARTS
from fairtrial.settings.base import NONE
from fairtrial.settings.complaints import write_setting
from fairtrial.study.claims import Claim


def find_largest(
    parts: Mapping[str, np.ndarray], test: Callable[[np.ndarray], Tests]
) -> str | None:  # fmt: skip
    """Find the part, (n,) or (n, N), that tests show to be larger in size than each of the others.

    |a| > |b| where both a - b and a + b have the sign of a. Each is tested, so that together they
    hold the level of one (Berger 1982).

    References
    ----------
    Berger (1982), "Multiparameter hypothesis testing and acceptance sampling",
    doi:10.1080/00401706.1982.10487790.

    Examples
    --------
    >>> from fairtrial.evidence.statistics.sign_flip import list_subset_means
    >>> noise = np.linspace(-1.0, 1.0, 8)
    >>> find_largest({"objective": 5.0 + noise, "unfinished": noise - 2.0}, list_subset_means)
    'objective'
    >>> find_largest({"objective": 0.1 + noise, "unfinished": -noise}, list_subset_means)
    """
    if len(parts) < 2:
        return next(iter(parts), None)
    largest = max(parts, key=lambda name: abs(parts[name].mean()))
    size = math.copysign(1.0, parts[largest].mean()) * parts[largest]
    others = [values for name, values in parts.items() if name != largest]
    shown = all(
        test(size - sign * other).find_interval()[0] > 0.0 for other in others for sign in (-1, 1)
    )
    return largest if shown else None


def tell_cause(
    claim: Claim, pairs: Pairs, cause: Cause, largest: str | None, *, is_decided: bool
) -> str:
    """Tell a cause in sentences that say no more than what is tested.

    `largest` is the part that a test has found to be the largest. The parts of an undecided
    difference are not listed.
    """
    if not cause.parts:
        return " ".join(cause.reasons)
    if np.all(pairs.differences == 0.0):
        return f"Every run has the same {claim.on} as the run that it is compared with."
    names = [name for name in cause.parts if np.any(cause.parts[name])]
    if not names:
        n_seeds = len(pairs.differences[cause.seeds])
        return " ".join([f"With {n_seeds} seeds there is no difference to split.", *cause.reasons])
    if not is_decided:
        undecided = "The claim is undecided, so the parts of the difference are not compared."
        return " ".join([undecided, *cause.reasons])
    labels = _label_parts(cause)
    better, than = name_sides(claim)
    differences = pairs.differences[cause.seeds]
    difference = float(differences.mean())
    loser, sign = (than, 1.0) if difference >= 0.0 else (better, -1.0)
    means = {name: sign * float(cause.parts[name].mean()) for name in names}
    show = _choose_digits([difference, *means.values()])
    is_whole = len(differences) == len(pairs.differences)
    over = "" if is_whole else f"Over {len(differences)} of {len(pairs.differences)} seeds, "
    parts = _list_parts({labels[name]: show(means[name]) for name in names})
    sentences = [f"{over}{loser} ends {show(abs(difference))} worse in {claim.on}{parts}."]
    if not cause.objective:
        sentences.append("Both sides minimise the same objective on the same rows.")
    if len(names) > 1 and largest:
        sentences.append(f"The largest part is {labels[largest]}.")
    elif len(names) > 1:
        sentences.append("Which part is the largest cannot be told apart.")
    if cause.reach and largest in ("unfinished", "unfinished_and_noise_floor"):
        sentences.append(cause.reach.sentence)
    return " ".join([*sentences, *cause.reasons])


def _list_parts(parts: Mapping[str, str]) -> str:
    """List parts by their labels, as the end of a sentence.

    Examples
    --------
    >>> _list_parts({"the loss": "2", "unfinished training": "1"})
    ': 2 comes from the loss and 1 from unfinished training'
    >>> _list_parts({"the loss": "3"})
    ', all of it from the loss'
    """
    if len(parts) == 1:
        return f", all of it from {next(iter(parts))}"
    listed = [f"{value} from {label}" for label, value in parts.items()]
    listed[0] = listed[0].replace(" from ", " comes from ", 1)
    return f": {', '.join(listed[:-1])} and {listed[-1]}"


def _label_parts(cause: Cause) -> dict[str, str]:
    unfinished, floor = "unfinished training", "the noise floor"
    objective = cause.objective or "the objective"
    how = (
        "training with injected noise" if Lack.CALM in cause.lacks else f"{unfinished} and {floor}"
    )
    both = f"{how} together" if Lack.CALM not in cause.lacks else how
    labels = (objective, unfinished, floor, f"{objective} and {unfinished} together", both)
    return dict(zip(PARTS, labels, strict=True))


def _choose_digits(values: Sequence[float]) -> Callable[[float], str]:
    """Show three digits of the largest, and all figures to the same place."""
    largest = max(map(abs, values))
    digits = max(0, 2 - math.floor(math.log10(largest or 1.0)))
    return lambda value: f"{round(value, digits) + 0.0:,.{digits}f}"  # Adding 0 makes -0 plain.


def name_sides(claim: Claim) -> tuple[str, str]:
    """Name the two sides of a claim by what their selectors say.

    Examples
    --------
    >>> name_sides(Claim(say="-", better={"loss": "mse"}, than={"loss": "mae"}, on="mse"))
    ('mse', 'mae')
    >>> name_sides(Claim(say="-", better={"epochs": 20}, than={"epochs": 10}, on="accuracy"))
    ('epochs=20', 'epochs=10')
    >>> name_sides(Claim(say="-", better={"clip": "none"}, than={"clip.norm": 1.0}, on="mse"))
    ('clip=none', 'norm=1')
    """
    better, than = _name_side(claim.better), _name_side(claim.than)
    return (better, than) if better != than else (f"better ({better})", f"than ({than})")


def _name_side(selector: Mapping[str, Any]) -> str:
    words = []
    for name, value in selector.items():
        if isinstance(value, str):
            words.append(f"{name}={value}" if value == NONE else value)
        elif isinstance(value, Mapping):
            words.append(_name_side(value))
        else:
            words.append(write_setting(name, value))
    return ", ".join(words)
