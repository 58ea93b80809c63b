"""Every start against its distribution."""

import numpy as np
import pytest
import scipy.stats

from fairtrial.kinds.inits import INITS
from fairtrial.parameters import draw_init
from reference.inits import INITS as EXPECTED
from reference.inits import D, K

CASES = [
    {"kind": "normal"},
    {"kind": "normal", "scale": 0.1, "bias_scale": 2.0},
    {"kind": "constant", "value": 0.25},
    {"kind": "uniform", "scale": 0.5},
    {"kind": "glorot_uniform"},
    {"kind": "glorot_normal"},
    {"kind": "he_uniform"},
    {"kind": "he_normal"},
    {"kind": "lecun_normal"},
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_start_has_its_distribution(case):
    init = INITS.validate(case)
    start = draw_init(init, D, K, seed=3)
    for found, expected in zip(start, EXPECTED[init.kind](init), strict=True):
        if isinstance(expected, float):
            assert np.unique(found).tolist() == [expected]
        else:
            assert scipy.stats.kstest(found.ravel()[:5000], expected.cdf).pvalue > 0.01


def test_every_start_has_a_case():
    assert {case["kind"] for case in CASES} == {kind.name for kind in INITS} == set(EXPECTED)
