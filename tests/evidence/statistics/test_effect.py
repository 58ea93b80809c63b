"""Effect and pairing gain, against NumPy and by simulation."""

import numpy as np
import pytest

from fairtrial.evidence.statistics.effect import Effect, describe_effect


def test_against_numpy():
    random = np.random.default_rng(5)
    luck = random.normal(0.0, 3.0, 40)
    better, than = luck + random.normal(0.0, 1.0, 40), luck + random.normal(0.5, 1.0, 40)
    found = describe_effect(better, than, than - better)
    gaps = than - better
    assert found.beats == np.mean(gaps > 0)
    assert found.effect == pytest.approx(gaps.mean() / gaps.std(ddof=1))
    assert found.correlation == pytest.approx(np.corrcoef(better, than)[0, 1])
    unpaired = 40 * (better.var(ddof=1) + than.var(ddof=1)) / gaps.var(ddof=1)
    assert found.unpaired_seeds == np.ceil(unpaired)


def test_so_many_unpaired_seeds_are_as_precise():
    """The variance of the mean difference is the same: 12 paired seeds, or so many a side."""
    random = np.random.default_rng(6)
    paired, unpaired = [], []
    luck = random.normal(0.0, 2.0, (4000, 12))
    better, than = luck, luck + random.normal(0.0, 1.0, (4000, 12))
    n = round(12 * (4.0 + 5.0) / 1.0)
    paired = (than - better).mean(1)
    unpaired = random.normal(0.0, 5.0**0.5, (4000, n)).mean(1) - random.normal(
        0.0, 2.0, (4000, n)
    ).mean(1)
    assert paired.std() == pytest.approx(unpaired.std(), rel=0.06)
    found = [
        describe_effect(*rows, rows[1] - rows[0]).unpaired_seeds
        for rows in zip(better, than, strict=True)
    ]
    assert np.median(found) == pytest.approx(n, rel=0.15)


@pytest.mark.parametrize(
    ("better", "than", "expected"),
    [
        ([1.0], [2.0], Effect()),
        ([1.0, 1.0], [1.0, 1.0], Effect(0.5)),
        ([1.0, 1.0], [1.0, 2.0], Effect(0.75, pytest.approx(0.5**0.5), None, 2)),
        ([1.0, 2.0], [2.0, 3.0], Effect(1.0, None, pytest.approx(1.0), None)),
    ],
)
def test_where_it_cannot_be_said(better, than, expected):
    better, than = np.array(better), np.array(than)
    assert describe_effect(better, than, than - better) == expected
