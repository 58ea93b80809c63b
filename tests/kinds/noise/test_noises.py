"""Noise on the training rows of tasks: what it does, to which rows, and what is refused."""

from typing import Annotated

import numpy as np
import pytest
import scipy.stats

from by_hand import recipe
from fairtrial.data.load import load_dataset
from fairtrial.errors import InputError
from fairtrial.kinds.data.datasets import TASKS, dataset
from fairtrial.kinds.noise import corruptions
from fairtrial.kinds.noise.corruptions import INPUT_NOISES, LABEL_NOISES, input_noise, label_noise
from fairtrial.kinds.noise.noises import NOISES, NoiseSettings, laplace, noise, uniform
from fairtrial.randomness import make_stream
from fairtrial.study import Study
from fairtrial.study.arm import Arm
from fairtrial.study.baseline import BaselineEntry
from fairtrial.study.task import DigitsTask, LinearTask, LineTask
from reference import corruptions as expected

CLEAN = load_dataset(DigitsTask(kind="digits"), 0)


@pytest.mark.parametrize("kind", [*LABEL_NOISES], ids=lambda kind: kind.name)
@pytest.mark.parametrize("share", [0.1, 0.45])
def test_label_noise_has_its_transitions(kind, share):
    n_classes, n_rows = 4, 40_000
    labels = np.arange(n_rows) % n_classes
    noise = kind(share=share)
    found = noise.call_function(make_stream(5, "test"), labels, n_classes)
    counts = np.zeros((n_classes, n_classes))
    np.add.at(counts, (labels, found), n_classes / n_rows)
    wanted = expected.LABEL_NOISES[kind.name](noise, n_classes)
    np.testing.assert_allclose(counts, wanted, atol=4 * np.sqrt(0.25 * n_classes / n_rows))
    more = kind(share=0.9).call_function(make_stream(5, "test"), labels, n_classes)
    wrong = found != labels
    np.testing.assert_array_equal(more[wrong], found[wrong])


@pytest.mark.parametrize(
    "noise",
    [
        corruptions.normal(scale=0.3),
        corruptions.salt_and_pepper(share=0.2),
        corruptions.leverage(share=0.3, factor=4.0),
    ],
    ids=lambda noise: noise.kind,
)
def test_input_noise_has_its_distribution(noise):
    X = make_stream(1, "X").random((20_000, 2))
    found = noise.call_function(make_stream(5, "test"), X)[:, 1]
    distribution = expected.INPUT_NOISES[noise.kind](noise)
    at = np.array([-2.0, -0.5, -0.01, 0.1, 0.3, 0.7, 0.99, 1.01, 1.5, 2.5])
    shares = [np.mean(found <= one) for one in at]
    np.testing.assert_allclose(shares, distribution.cdf(at), atol=4 * 0.5 / np.sqrt(len(X)))


def test_every_kind_has_a_reference():
    assert {kind.name for kind in INPUT_NOISES} == set(expected.INPUT_NOISES)
    assert {kind.name for kind in LABEL_NOISES} == set(expected.LABEL_NOISES)


def test_wrong_labels_are_in_training_rows_alone():
    task = DigitsTask(kind="digits", label_noise={"kind": "symmetric", "share": 0.3})
    one, other = load_dataset(task, 1), load_dataset(task, 2)
    wrong = one.y != CLEAN.y
    assert 0.25 < wrong.mean() < 0.35
    assert one.y.dtype == CLEAN.y.dtype
    for same in ("X", "test_X", "test_y"):
        np.testing.assert_array_equal(getattr(one, same), getattr(CLEAN, same))
    assert not np.array_equal(wrong, other.y != CLEAN.y)
    np.testing.assert_array_equal(one.y, load_dataset(task, 1).y)


@pytest.mark.parametrize("kind", ["normal", "salt_and_pepper"])
def test_noisy_pixels_are_pixels_of_training_rows(kind):
    task = DigitsTask(kind="digits", input_noise={"kind": kind})
    noisy = load_dataset(task, 1)
    assert noisy.X.dtype == np.uint8
    assert noisy.X.max() == 16
    np.testing.assert_array_equal(noisy.test_X, CLEAN.test_X)
    np.testing.assert_array_equal(noisy.y, CLEAN.y)
    changed = noisy.X != CLEAN.X
    if kind == "normal":
        # Away from both ends, rounding to 1/16 adds the variance of a uniform number.
        inside = (CLEAN.X > 6) & (CLEAN.X < 10)
        gap = (noisy.X.astype(float) - CLEAN.X)[inside] / 16
        assert np.std(gap) == pytest.approx(np.sqrt(0.01 + 1 / 12 / 256), rel=0.03)
    else:
        assert np.isin(noisy.X[changed], [0, 16]).all()


def test_outliers_in_x_keep_their_targets():
    line = LineTask(kind="line", rows=5000, noise={"kind": "normal", "scale": 0.0})
    task = line.model_copy(update={"input_noise": corruptions.leverage(share=0.1, factor=20.0)})
    clean, noisy = load_dataset(line, 3), load_dataset(task, 3)
    np.testing.assert_array_equal(noisy.y, clean.y)
    np.testing.assert_array_equal(noisy.test_X, clean.test_X)
    moved = (noisy.X != clean.X)[:, 0]
    assert 0.08 < moved.mean() < 0.12
    assert np.std(noisy.X[moved]) == pytest.approx(20.0, rel=0.1)
    # Least squares follows them; its slope is that of the two groups' second moments.
    slope = np.polyfit(noisy.X[:, 0], noisy.y, 1)[0]
    assert slope < 0.3


class Growing:
    """Normal noise of scale 1 + growth |x| for standard normal x, by numerical integration."""

    def __init__(self, growth):
        self._growth = growth

    def cdf(self, at):
        x = np.linspace(-8, 8, 4001)
        weights = scipy.stats.norm.pdf(x) * (x[1] - x[0])
        scales = 1 + self._growth * np.abs(x)
        return np.array([weights @ scipy.stats.norm.cdf(one / scales) for one in np.ravel(at)])


def test_growing_noise_has_its_distribution_and_grows_with_x():
    noise = {"kind": "growing", "growth": 2.0}
    data = load_dataset(LineTask(kind="line", rows=5000, test_rows=2, noise=noise), 3)
    x = data.X[:, 0].astype(float)
    found = data.y - 3 * x - 2
    assert scipy.stats.kstest(found, Growing(2.0).cdf).pvalue > 0.01
    near, far = np.abs(x) < 0.1, np.abs(x) > 2
    assert np.std(found[near]) == pytest.approx(1.1, rel=0.15)
    assert np.std(found[far]) == pytest.approx(1 + 2 * np.sqrt(np.mean(x[far] ** 2)), rel=0.15)


def test_growing_noise_of_many_features_takes_their_root_mean_square():
    noise = {"kind": "growing", "growth": 1.0}
    task = {"kind": "linear", "features": 9, "rows": 4000, "test_rows": 2, "noise": noise}
    data = load_dataset(LinearTask(**task), 3)
    residual = data.y - data.X.astype(float) @ data.true_parameters[:-1]
    size = np.sqrt(np.mean(data.X.astype(float) ** 2, 1))
    assert scipy.stats.kstest(residual / (1 + size), "norm").pvalue > 0.01


@pytest.mark.parametrize(
    ("task", "loss", "sentence"),
    [
        (
            {"kind": "line", "label_noise": "symmetric"},
            "mse",
            "but the targets of line are numbers",
        ),
        ({"kind": "line", "input_noise": "salt_and_pepper"}, "mse", "is for images, and line has"),
        (
            {"kind": "digits", "input_noise": "leverage"},
            "cross_entropy",
            "is for features that are",
        ),
        ({"kind": "digits", "label_noise": {"kind": "flip"}}, "cross_entropy", "not a known kind"),
    ],
)
def test_what_is_refused(task, loss, sentence):
    length = {"steps": 2} if loss == "mse" else {"epochs": 1, "batch_size": 10}
    with pytest.raises(InputError, match=sentence):
        Study(name="x", seeds=1, task=task, recipe={"loss": loss, "optimizer": "sgd"} | length)


def test_baselines_are_fitted_again_on_the_noise_of_each_seed():
    entry = BaselineEntry(name="near", model={"kind": "nearest_neighbours"})
    clean, noisy = (DigitsTask(kind="digits", label_noise=one) for one in (None, "pairwise"))
    assert Arm("near", clean, entry.model).is_fitted_once
    assert not Arm("near", noisy, entry.model).is_fitted_once


def test_noise_is_a_setting_to_vary():
    study = Study(
        name="x", seeds=1, task="digits",
        recipe=recipe("cross_entropy", steps=None, epochs=1, batch_size=10),
        vary={"task.label_noise": ["symmetric", {"kind": "pairwise", "share": 0.4}]},
    )  # fmt: skip
    assert [arm.name for arm in study.list_arms()] == ["symmetric", "pairwise share=0.4"]


@pytest.mark.parametrize(
    ("decorate", "change", "task", "sentence"),
    [
        (input_noise(), lambda stream, X: X[:, :0], "digits", r"and must keep the shape"),
        (input_noise(), lambda stream, X: X * np.nan, "digits", "no finite numbers"),
        (input_noise(), lambda stream, X: X[:, 99], "digits", "'changed' fails with IndexError"),
        (label_noise(), lambda stream, labels, n_classes: labels + 5, "digits", "from 0 to 9"),
        (label_noise(), lambda stream, labels, n_classes: labels[1:], "digits", "keep the shape"),
        (noise, lambda stream, n_rows: np.ones((n_rows, 1)), "line", "per row"),
        (noise, lambda stream, n_rows: np.full(n_rows, np.inf), "line", "not finite"),
        (noise, lambda stream, n_rows: np.full(n_rows, 1e35), "line", "numbers above 1e30"),
        (input_noise(), lambda stream, X: np.full(X.shape, 1e35), "linear", "numbers above 1e30"),
    ],
)
def test_noise_of_a_user_that_cannot_be_used_gives_a_sentence(decorate, change, task, sentence):
    change.__name__ = change.__qualname__ = "changed"
    change.__doc__ = "Changed rows."
    kind = decorate(change)
    try:
        settings = TASKS.get(task).settings(kind=task, **{kind.family.name: kind()})
        with pytest.raises(InputError, match=rf"test_noises\.py.*{sentence}"):
            load_dataset(settings, 0)
    finally:
        kind.family.forget(__name__)


NOT_FINITE = "draws numbers that are not finite"
ABOVE = "draws numbers above 1e30, and training is in float32"
TOO_WIDE = [
    # The task, its setting, settings of the noise, those at fault, and the advice.
    ("line", "noise", {"kind": "student_t", "degrees_of_freedom": 0.01},
     "degrees_of_freedom = 0.01", NOT_FINITE, "a larger degrees_of_freedom"),
    ("line", "noise", {"kind": "student_t", "degrees_of_freedom": 0.1},
     "degrees_of_freedom = 0.1", ABOVE, "a larger degrees_of_freedom"),
    ("linear", "noise", {"kind": "student_t", "scale": 0.0, "degrees_of_freedom": 0.01},
     "degrees_of_freedom = 0.01", NOT_FINITE, "a larger degrees_of_freedom"),
    ("line", "noise", {"kind": "student_t", "scale": 1e30, "degrees_of_freedom": 0.01},
     "scale = 1e+30 and task.noise.degrees_of_freedom = 0.01", NOT_FINITE,
     "a smaller scale and a larger degrees_of_freedom"),
    ("line", "noise", {"kind": "contaminated", "factor": 1e30, "share": 0.5},
     "factor = 1e+30", ABOVE, "a smaller factor"),
    ("line", "noise", {"kind": "contaminated", "factor": 1e20, "scale": 1e20},
     "scale = 1e+20 and task.noise.factor = 1e+20", ABOVE, "a smaller scale or a smaller factor"),
    ("linear", "noise", {"kind": "growing", "growth": 1e30, "scale": 2.0},
     "growth = 1e+30", ABOVE, "a smaller growth"),
    ("linear", "input_noise", {"kind": "normal", "scale": 1e30},
     "scale = 1e+30", ABOVE, "a smaller scale"),
    ("linear", "input_noise", {"kind": "leverage", "factor": 1e30},
     "factor = 1e+30", ABOVE, "a smaller factor"),
]  # fmt: skip


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("task", "place", "settings", "fault", "what", "advice"), TOO_WIDE)
def test_settings_of_noise_that_is_too_wide_are_named(task, place, settings, fault, what, advice):
    made = TASKS.get(task).settings(kind=task, **{place: settings})
    with pytest.raises(InputError) as caught:
        load_dataset(made, 0)
    assert str(caught.value) == (
        f"With task.{place}.{fault}, the noise {settings['kind']!r} {what}: take {advice}."
    )


# Uniform noise is never above its scale.
@pytest.mark.parametrize(
    "kind", [one for one in NOISES if one is not uniform], ids=lambda kind: kind.name
)
def test_noise_at_the_end_of_its_range_gives_a_sentence(kind):
    task = LineTask(kind="line", noise={"kind": kind.name, "scale": 1e30}, rows=500)
    with pytest.raises(
        InputError, match=rf"^With task\.noise\.scale = 1e\+30, the noise '{kind.name}'"
    ):
        load_dataset(task, 0)


def test_noise_of_a_task_of_a_user_is_named_by_its_setting():
    @dataset(rows="drawn")
    def wavy(stream, n_rows, *, jitter: Annotated[NoiseSettings, NOISES]):
        X = stream.standard_normal((n_rows, 1))
        return X, jitter.draw(stream, n_rows, X)

    try:
        with pytest.raises(InputError, match=r"^With task\.jitter\.scale = 1e\+30, the noise 'lap"):
            load_dataset(wavy(jitter=laplace(scale=1e30)), 0)
    finally:
        TASKS.forget(__name__)


def test_noise_of_a_user_beside_settings_that_are_too_large():
    @noise
    def still(stream, n_rows):
        return np.zeros(n_rows)

    try:
        task = LineTask(kind="line", slope=1e30, noise=still())
        with pytest.raises(
            InputError, match=r"^The data set 'line', .*: make task\.slope = 1e\+30"
        ):
            load_dataset(task, 0)
    finally:
        NOISES.forget(__name__)
