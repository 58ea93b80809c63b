"""Curves: which points stay, and what is noted of parameters."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from fairtrial.parameters import Parameters
from fairtrial.training.trace import record_parameters, thin


def test_short_curves_stay_whole():
    assert thin(np.arange(500), np.zeros(500, bool)).tolist() == list(range(500))


@pytest.mark.parametrize(("n", "stride"), [(501, 2), (1001, 5), (2000, 5), (5000, 20), (20000, 50)])
def test_strides_that_people_would_choose(n, stride):
    expected = sorted({*range(0, n, stride), n - 1})
    assert thin(np.arange(n), np.zeros(n, bool)).tolist() == expected


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.integers(1, 3000), st.sets(st.integers(0, 2999), max_size=80), st.integers(2, 60))
def test_first_last_and_those_that_must_stay(n, must, most):
    keep = np.isin(np.arange(n), list(must))
    kept = thin(np.arange(n), keep, most).tolist()
    needed = {0, n - 1} | {place for place in must if place < n}
    assert kept == sorted(set(kept))
    assert len(kept) <= most
    assert {0, n - 1} <= set(kept) <= set(range(n))
    assert needed <= set(kept) if len(needed) <= most else set(kept) <= needed


def test_record_of_a_line():
    at = Parameters(tf.constant([[[3.0, 0.0]]]), tf.constant([[2.0, -2.0]]))
    found = record_parameters(at, tf.constant([[[3.0]], [[2.0]]]))
    assert found["slope"].numpy().tolist() == [[3.0, 0.0]]
    assert found["intercept"].numpy().tolist() == [[2.0, -2.0]]
    assert found["parameter_error"].numpy().tolist() == [[0.0, 5.0]]


def test_record_of_a_plane_without_truth():
    assert record_parameters(Parameters(tf.zeros(3), tf.zeros(())), None) == {}
