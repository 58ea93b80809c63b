"""How often verdicts and intervals are wrong of runs: those that never arrive, and parts of causes.

Nothing is trained: times of arrival are drawn, and iterates follow a linear recursion whose means
are known in closed form. As in `level_rows.py`, each function returns shares by name.
"""

from collections.abc import Callable

import numpy as np

from fairtrial.evidence.pairs import Bounds
from fairtrial.evidence.statistics.sign_flip import list_subset_means
from fairtrial.evidence.verdict import decide, weigh
from fairtrial.randomness import make_stream

Shares = dict[str, float]
Simulation = tuple[str, str, int, Callable[[], Shares]]

LENGTH, MARGIN = 100.0, 10.0  # steps of a run, steps that do not matter

# Two arms of the recursion x <- (1 - rate) x - rate noise, in as many coordinates. Their metric is
# |x|²/2, and the objective of the second one has its minimum away from 0.
RATES, N_COORDINATES, N_STEPS, STRETCH, START = (0.05, 0.2), 5, 60, 20, 2.0
MINIMA = (0.0, 0.3)


def simulate_arrivals(
    tail: float, n_seeds: int, n_studies: int, random: np.random.Generator
) -> Shares:
    """Compare arms in the time that they take to arrive, where runs end before some have arrived.

    `better` takes 60 to 90 steps. `than` takes 30 to 60, but a share of its runs takes ten times as
    long and is absent after 100 steps.

    Parameters
    ----------
    tail : float
        That share. Above 0.1, `better` is faster on average by more than 10 steps.
    n_seeds, n_studies : int
        How many.
    random : Generator
        Of the times.

    Returns
    -------
    dict
        wrong: claims that are `reversed`, or `equivalent` within 10 steps, though `better` is
        faster by more; wrong_as_length: the same where absent runs count as their whole length.
    """
    counts = dict.fromkeys(("wrong", "wrong_as_length"), 0)
    for _ in range(n_studies):
        better = random.uniform(60.0, 90.0, n_seeds)
        slow = random.random(n_seeds) < tail
        than = random.uniform(30.0, 60.0, n_seeds) * np.where(slow, 10.0, 1.0)
        differences = np.minimum(than, LENGTH) - better
        bounds = Bounds(at_least=bool(np.any(than > LENGTH)))
        (bound,) = decide([weigh(differences, MARGIN, bounds=bounds)])
        (as_length,) = decide([weigh(differences, MARGIN)])
        counts["wrong"] += bound.verdict in ("reversed", "equivalent")
        counts["wrong_as_length"] += as_length.verdict in ("reversed", "equivalent")
    return {name: count / n_studies for name, count in counts.items()}


def simulate_causes(n_seeds: int, n_studies: int, random: np.random.Generator) -> Shares:
    """Split the difference of two arms with constant rates into its three parts.

    Returns
    -------
    dict
        Of the difference and of its parts that vary, the share of 95 % intervals that hold its true
        mean. The first part is the same for all seeds here, and exact.
    """
    truths = _find_parts(*(_find_means(rate, at) for rate, at in zip(RATES, MINIMA, strict=True)))
    covered = np.zeros(3)
    for _ in range(n_studies):
        noise = random.normal(size=(n_seeds, N_STEPS, N_COORDINATES))  # Both arms have the same.
        arms = (_measure(rate, at, noise) for rate, at in zip(RATES, MINIMA, strict=True))
        for place, (part, truth) in enumerate(zip(_find_parts(*arms), truths, strict=True)):
            low, high = list_subset_means(part).find_interval()
            covered[place] += low <= truth <= high
    names = ("unfinished", "noise_floor", "difference")
    return {name: float(count) / n_studies for name, count in zip(names, covered, strict=True)}


def _find_parts(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Split by the metrics of minimum, mean iterate and last iterate, (3, ...); whole last."""
    minimum, mean, last = one - other
    return np.stack([mean - minimum, last - mean, last])


def _weigh_noise(rate: float) -> np.ndarray:
    """Return what each step's noise adds to the mean of the last iterates, and to the last one."""
    keep, steps = 1.0 - rate, np.arange(N_STEPS)
    ages = np.arange(1, N_STEPS + 1)[:, None] - 1 - steps  # of noise, at each iterate
    weights = np.where(ages >= 0, -rate * keep ** np.maximum(ages, 0), 0.0)
    return np.stack([weights[-STRETCH:].mean(0), weights[-1]])


def _find_ways(rate: float) -> np.ndarray:
    """Return what is left of the way from the start: of the mean iterate, of the last one."""
    left = (1.0 - rate) ** np.arange(1, N_STEPS + 1)
    return np.array([left[-STRETCH:].mean(), left[-1]])


def _measure(rate: float, at: float, noise: np.ndarray) -> np.ndarray:
    """Measure minimum, mean iterate and last iterate of a run for each seed; (3, n_seeds)."""
    way = at + _find_ways(rate)[:, None, None] * (START - at)
    iterates = way + np.einsum("kt,stc->ksc", _weigh_noise(rate), noise)
    metrics = 0.5 * np.sum(iterates**2, -1)
    return np.concatenate([np.full((1, len(noise)), 0.5 * N_COORDINATES * at**2), metrics])


def _find_means(rate: float, at: float) -> np.ndarray:
    """Find the means of these metrics: |x|² is its mean's square and its variance; (3,)."""
    way = at + _find_ways(rate) * (START - at)
    variance = np.sum(_weigh_noise(rate) ** 2, -1)
    return 0.5 * N_COORDINATES * np.array([at**2, *(way**2 + variance)])


def list_simulations(n_studies: int) -> list[Simulation]:
    """List all: the name of a table, that of its row, how many studies, and what runs them."""

    def prepare(
        table: str, row: str, simulate: Callable[..., Shares], *settings: float
    ) -> Simulation:
        stream = make_stream(0, f"benchmark.level_runs.{table}.{row}")
        return table, row, n_studies, lambda: simulate(*settings, n_studies, stream)

    arrivals = [
        prepare("arrivals", f"{tail:.0%} absent, {n} seeds", simulate_arrivals, tail, n)
        for tail in (0.2, 0.3)
        for n in (10, 20)
    ]
    return arrivals + [prepare("causes", f"{n} seeds", simulate_causes, n) for n in (6, 10, 20)]
