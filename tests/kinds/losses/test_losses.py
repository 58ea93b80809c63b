"""Every loss against NumPy in float64, its gradient against central differences."""

import numpy as np
import pytest
import tensorflow as tf

from by_hand import recipe
from fairtrial.kinds.losses.classes import (
    cross_entropy,
    generalized_cross_entropy,
    measure_labels,
)
from fairtrial.kinds.losses.numbers import LOSSES, average_losses
from fairtrial.kinds.losses.robust import barron
from fairtrial.training.hyperparameters import list_kinds, make_numbers
from reference.losses import CLASS_LOSSES
from reference.losses import LOSSES as EXPECTED

# One row for each loss, or more: its settings.
CASES = [
    "mse",
    "mae",
    {"kind": "huber", "delta": 1.0},
    {"kind": "huber", "delta": 0.3},
    {"kind": "hybrid", "alpha": 0.5},
    {"kind": "hybrid", "alpha": 0.0},
    {"kind": "hybrid", "alpha": 1.0},
    "log_cosh",
    {"kind": "quantile", "tau": 0.25},
    {"kind": "epsilon_insensitive", "epsilon": 0.25},
    {"kind": "tukey", "c": 4.0},
    {"kind": "cauchy", "scale": 0.5},
    {"kind": "welsch", "scale": 2.0},
    *(
        {"kind": "barron", "shape": shape, "scale": 0.5}
        for shape in (2.0, 1.5, 1.0, 0.0, -2.0, -1e30, 3.0)
    ),
]
RESIDUALS = np.array([-7.5, -1.2, -0.31, -0.2, 0.05, 0.29, 0.6, 0.99, 1.01, 40.0])


def terms_of(*cases):
    return list_kinds([recipe(case) for case in cases]).losses


def numbers_of(*cases, shape=(), dtype=tf.float64):
    numbers = make_numbers([recipe(case) for case in cases], shape)
    return {name: tf.cast(number, dtype) for name, number in numbers.items()}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_value(case):
    settings_of_loss = recipe(case).loss
    expected = EXPECTED[settings_of_loss.kind].value(RESIDUALS, settings_of_loss).mean()
    found = average_losses(terms_of(case), tf.constant(RESIDUALS), numbers_of(case))
    assert found.dtype == tf.float64
    # Settings pass through float32: 0.3 is not exact there.
    assert float(found) == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_gradient(case):
    settings_of_loss, width = recipe(case).loss, 1e-6
    value = EXPECTED[settings_of_loss.kind].value
    residuals = tf.constant(RESIDUALS)
    with tf.GradientTape() as tape:
        tape.watch(residuals)
        found = average_losses(terms_of(case), residuals, numbers_of(case))
    rises = value(RESIDUALS + width, settings_of_loss) - value(RESIDUALS - width, settings_of_loss)
    expected = rises / (2 * width) / len(RESIDUALS)
    np.testing.assert_allclose(tape.gradient(found, residuals), expected, rtol=1e-6, atol=1e-9)


def test_lanes_of_all_losses_at_once():
    residuals = np.stack([RESIDUALS + shift for shift in np.arange(len(CASES))])
    expected = [
        EXPECTED[recipe(case).loss.kind].value(row, recipe(case).loss).mean()
        for case, row in zip(CASES, residuals, strict=True)
    ]
    numbers = numbers_of(*CASES, shape=(1, len(CASES)))
    found = average_losses(terms_of(*CASES), tf.constant(residuals[None]), numbers)
    np.testing.assert_allclose(found, [expected], rtol=1e-7)


def test_absent_terms_do_not_overflow():
    """A residual that is too large to square is no harm to a lane that does not square it."""
    residuals = tf.constant([[[1e30], [1e30]]])
    numbers = numbers_of("mae", "mse", shape=(1, 2), dtype=tf.float32)
    found = average_losses(terms_of("mae", "mse"), residuals, numbers).numpy()[0]
    assert found[0] == np.float32(1e30)
    assert np.isinf(found[1])


def test_every_loss_has_a_case_and_a_reference():
    on_numbers = {kind.name for kind in LOSSES if not kind.settings().on_classes}
    assert {recipe(case).loss.kind for case in CASES} == on_numbers == set(EXPECTED)
    assert {kind.name for kind in LOSSES} - on_numbers == set(CLASS_LOSSES)


# ------------------------------------------------------------------------- softmax cross-entropy

LOGITS = np.random.default_rng(1).normal(size=(7, 4)) * 3
LABELS = np.array([0, 3, 1, 1, 2, 0, 3], np.int32)


def expected_cross_entropy(logits):
    return CLASS_LOSSES["cross_entropy"](logits, LABELS, None)


def test_cross_entropy_value():
    found = cross_entropy(tf.constant(LOGITS), tf.constant(LABELS))
    np.testing.assert_allclose(found, expected_cross_entropy(LOGITS), rtol=1e-12)


def test_cross_entropy_gradient():
    logits, width = tf.constant(LOGITS), 1e-6
    with tf.GradientTape() as tape:
        tape.watch(logits)
        found = tf.reduce_sum(cross_entropy(logits, tf.constant(LABELS)))
    expected = np.zeros_like(LOGITS)
    for place in np.ndindex(LOGITS.shape):
        nudge = np.zeros_like(LOGITS)
        nudge[place] = width
        up, down = expected_cross_entropy(LOGITS + nudge), expected_cross_entropy(LOGITS - nudge)
        expected[place] = (up - down).sum() / (2 * width)
    np.testing.assert_allclose(tape.gradient(found, logits), expected, atol=1e-8)


CLASS_CASES = [
    *(kind() for kind in LOSSES if kind.on_classes),
    cross_entropy(label_smoothing=0.2),
    generalized_cross_entropy(q=1.0),
    generalized_cross_entropy(q=0.01),
]


@pytest.mark.parametrize("settings", CLASS_CASES, ids=lambda one: str(one.own))
def test_class_loss_value(settings):
    kind = settings.definition
    found = kind.function(tf.constant(LOGITS), tf.constant(LABELS), **settings.own)
    expected = CLASS_LOSSES[kind.name](LOGITS, LABELS, settings)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)


def test_cross_entropy_of_lanes():
    lanes = np.stack([LOGITS, LOGITS * 0.1 + 2, -LOGITS], axis=-1)
    found = cross_entropy(tf.constant(lanes), tf.constant(LABELS))
    expected = [expected_cross_entropy(lanes[..., lane]) for lane in range(3)]
    np.testing.assert_allclose(found, np.stack(expected, -1), rtol=1e-12)


def test_cross_entropy_of_huge_logits():
    logits = tf.constant([[1e4, 0.0, -1e4], [-1e38, 1e38, 0.0]])
    found = cross_entropy(logits, tf.constant([1, 1]))
    np.testing.assert_allclose(found, [1e4, 0.0], rtol=1e-6)


def test_lanes_with_and_without_label_smoothing():
    cases = [{"kind": "cross_entropy", "label_smoothing": each} for each in (0.0, 0.1, 0.4)]
    lanes = np.stack([LOGITS, LOGITS * 0.1 + 2, -LOGITS], axis=-1)
    recipes = [recipe(case, steps=None, epochs=1, batch_size=2) for case in cases]
    terms = list_kinds(recipes).losses
    numbers = make_numbers(recipes, (3,))
    numbers = {name: tf.cast(number, tf.float64) for name, number in numbers.items()}
    found = measure_labels(terms, tf.constant(lanes), tf.constant(LABELS), numbers)
    expected = [
        CLASS_LOSSES["cross_entropy"](lanes[..., lane], LABELS, one.loss)
        for lane, one in enumerate(recipes)
    ]
    np.testing.assert_allclose(found, np.stack(expected, -1), rtol=1e-7)


def test_program_has_no_label_smoothing_that_no_lane_uses():
    plain, smooth = (
        recipe(
            {"kind": "cross_entropy", "label_smoothing": each}, steps=None, epochs=1, batch_size=2
        )
        for each in (0.0, 0.1)
    )
    assert [one.key for one in list_kinds([plain]).losses] == [
        "loss.cross_entropy,label_smoothing=0.0"
    ]
    assert not [name for name in make_numbers([plain], ()) if name.endswith(".label_smoothing")]
    assert len(list_kinds([plain, smooth]).losses) == 2


@pytest.mark.parametrize("shape", [2.0, 0.0, -1e30, 1e-7, 2.0000002])
def test_barron_is_finite_in_float32_at_and_near_its_limits(shape):
    at = tf.constant([1e-20, 0.0, 0.5, -3.0, 1e4, 1e15])
    with tf.GradientTape() as tape:
        tape.watch(at)
        value = barron.function(at, shape=tf.constant(shape), scale=tf.constant(1.0))
    assert np.isfinite(value).all()
    assert np.isfinite(tape.gradient(value, at)).all()
    near = min((2.0, 0.0, -1e30), key=lambda one: abs(one - shape))
    expected = EXPECTED["barron"].value(np.asarray(at, float), barron(shape=near))
    np.testing.assert_allclose(value, expected, rtol=2e-5, atol=1e-37)
