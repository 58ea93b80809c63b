"""Clipped gradients, against TensorFlow's own functions and Keras."""

import numpy as np
import pytest
import tensorflow as tf

from by_hand import recipe
from fairtrial.parameters import Parameters
from fairtrial.training import eager, stacked
from fairtrial.training.hyperparameters import list_kinds, make_numbers
from fairtrial.training.updates import clip_gradients
from ways_to_end import LINE, make_pixels

CLIPS = [None, {"value": 0.4}, {"norm": 0.7}, {"norm": 1e6}, {"value": 0.4, "norm": 0.7}]
RANDOM = np.random.default_rng(5)
W, B = (RANDOM.normal(size=shape).astype(np.float32) for shape in ((6, 3), (3,)))


def expect(clip, W, b):
    """What TensorFlow makes of a gradient."""
    if clip and "value" in clip:
        W, b = (tf.clip_by_value(one, -clip["value"], clip["value"]) for one in (W, b))
    if clip and "norm" in clip:
        (W, b), _ = tf.clip_by_global_norm([W, b], clip["norm"])
    return np.asarray(W), np.asarray(b)


@pytest.mark.parametrize("clip", CLIPS, ids=str)
def test_one_run_is_clipped_as_tensorflow_clips(clip):
    one = [recipe(clip=clip)]
    at = Parameters(tf.constant(W), tf.constant(B))
    found = clip_gradients(list_kinds(one), at, make_numbers(one, ()))
    for value, expected in zip(found, expect(clip, W, B), strict=True):
        np.testing.assert_allclose(value, expected, rtol=1e-6)


def test_each_lane_has_its_own_limits():
    lanes = [recipe(clip=clip) for clip in CLIPS]
    scales = 10.0 ** np.arange(len(lanes), dtype=np.float32)
    at = Parameters(tf.constant(W[..., None] * scales), tf.constant(B[..., None] * scales))
    found = clip_gradients(list_kinds(lanes), at, make_numbers(lanes, (len(lanes),)))
    for lane, clip in enumerate(CLIPS):
        expected = expect(clip, W * scales[lane], B * scales[lane])
        for value, one in zip(found, expected, strict=True):
            np.testing.assert_allclose(value[..., lane], one, rtol=1e-6)


def test_no_program_without_limits_contains_any():
    assert list_kinds([recipe(), recipe(penalty={"l2": 1.0})]).clips == frozenset()
    assert list_kinds([recipe(), recipe(clip={"norm": 1.0})]).clips == {"norm"}
    assert not [name for name in make_numbers([recipe()], ()) if name.startswith("clip")]


def test_a_gradient_that_is_not_finite_is_not_hidden():
    one = [recipe(clip={"norm": 1.0})]
    at = Parameters(tf.constant([1e30, 1.0]), tf.constant(0.0))
    found = clip_gradients(list_kinds(one), at, make_numbers(one, ()))
    assert np.isnan(found.W).all()


def descend_clipped(clip, data, rate):
    w = np.zeros(2)
    X = np.column_stack([data.X, np.ones(len(data.y))]).astype(float)
    for _ in range(30):
        gradient = -2 * X.T @ (data.y - X @ w) / len(X)
        if clip and "value" in clip:
            gradient = np.clip(gradient, -clip["value"], clip["value"])
        if clip and "norm" in clip:
            gradient = gradient * min(1, clip["norm"] / np.linalg.norm(gradient))
        w = w - rate * gradient
    return w


@pytest.mark.usefixtures("compiled")
def test_descent_of_a_line_with_clipped_gradients():
    """By hand in float64; a stack of clipped and plain lanes goes the same ways."""
    data, rate = LINE[0], 0.1
    lanes = [recipe("mse", {"kind": "sgd", "learning_rate": rate}, steps=30, clip=clip)
             for clip in CLIPS]  # fmt: skip
    (row,) = stacked.train(stacked.Stack(lanes, [data], [3]))
    for clip, one, found in zip(CLIPS, lanes, row, strict=True):
        expected, alone = descend_clipped(clip, data, rate), eager.train(one, data, 3)
        for trace in (found, alone):
            np.testing.assert_allclose(np.append(trace.W, trace.b), expected, rtol=1e-4)
        assert clip in (None, {"norm": 1e6}) or abs(row[0].W[0] - found.W[0]) > 0.01


def test_classes_are_clipped_over_weights_and_biases_together():
    """One epoch of one batch: the change has the norm of the limit, times the rate."""
    data = make_pixels()
    one = recipe(
        "cross_entropy", {"kind": "sgd", "learning_rate": 0.5}, epochs=1, batch_size=len(data.y),
        clip={"norm": 0.01},
    )  # fmt: skip
    (((found,)),) = stacked.train(stacked.Stack([one], [data], [7]))
    moved = np.append(found.W.ravel(), found.b)
    assert np.linalg.norm(moved) == pytest.approx(0.5 * 0.01, rel=1e-5)


def test_clipping_does_not_go_with_proximal_steps():
    with pytest.raises(ValueError, match="does not go with clip"):
        recipe(clip={"norm": 1.0}, penalty={"l1": 0.1, "proximal": True})


@pytest.mark.parametrize(
    ("clip", "sentence"),
    [({}, "value, norm or both"), ({"norm": 0.0}, "greater than 0"), ({"by": 1.0}, "by")],
)
def test_limits_that_are_none_are_refused(clip, sentence):
    with pytest.raises(ValueError, match=sentence):
        recipe(clip=clip)
