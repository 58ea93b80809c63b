"""Every registered kind keeps the laws of its family, has a source, and a reference in NumPy."""

from collections import defaultdict

import pytest
import tensorflow as tf

from fairtrial.kinds.losses import numbers as losses
from fairtrial.kinds.mechanism.kind import FAMILIES
from fairtrial.kinds.metrics import numbers as metrics
from fairtrial.kinds.optimizers import common as optimizers
from fairtrial.kinds.optimizers import schedules
from fairtrial.laws import LAWS, find_breaches
from kinds import test_keras
from reference import averages, corruptions, inits, injections, noises
from reference.baselines import BASELINES
from reference.features import FEATURES
from reference.libraries import name_library
from reference.losses import CLASS_LOSSES, LOSSES
from reference.metrics import METRICS
from reference.optimizers import OPTIMIZERS
from reference.schedules import FACTORS
from reference.tasks import TASKS

SKLEARN = "scikit-learn: tests/kinds/baselines/test_estimators.py"
KINDS = [kind for family in FAMILIES.values() for kind in family]
NAMES = [f"{kind.family.name} {kind.name}" for kind in KINDS]
REFERENCES = {
    "loss": {**LOSSES, **CLASS_LOSSES},
    "optimizer": OPTIMIZERS,
    "schedule": FACTORS,
    "average": averages.AVERAGES,
    "init": inits.INITS,
    "noise": noises.NOISES,
    "input_noise": corruptions.INPUT_NOISES,
    "label_noise": corruptions.LABEL_NOISES,
    "data_noise": injections.DATA,
    "weight_noise": injections.WEIGHTS,
    "rate_noise": injections.RATE,
    "metric": METRICS,
    "task": TASKS,
    "features": FEATURES,
    # By name or object: beside scikit-learn in tests/kinds/baselines/test_estimators.py.
    "baseline": {**BASELINES, **dict.fromkeys(["sklearn", "python_object"], SKLEARN)},
}
# Kinds whose steps are compared with those of Keras.
IN_KERAS = defaultdict(list)
IN_KERAS["loss"] = [one for one, *_ in test_keras.LOSSES]
IN_KERAS["optimizer"] = [one for one, *_ in test_keras.OPTIMIZERS]


def test_every_family_has_laws_and_references():
    assert set(FAMILIES) == set(LAWS) == set(REFERENCES)


@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
def test_kind_keeps_the_laws_of_its_family(kind):
    assert find_breaches(kind) == []


@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
def test_kind_has_a_reference(kind):
    assert kind.name in REFERENCES[kind.family.name]


@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
def test_kind_names_the_library_of_its_reference(kind):
    reference = REFERENCES[kind.family.name][kind.name]
    names = {one if isinstance(one, str) else one["kind"] for one in IN_KERAS[kind.family.name]}
    assert kind.reference == ("Keras" if kind.name in names else name_library(reference))


@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
def test_kind_has_a_label_and_names_its_source(kind):
    assert kind.label
    assert "References\n" in kind.function.__doc__


# Functions that break a law, each with a part of the sentence that says so. They are registered
# under names of their own and forgotten afterwards.
def _broken_shape(residual):
    """One number."""
    return 0.0 * residual[:1]


def _broken_slope_bound(residual):
    """A square."""
    return residual * residual


def _broken_convexity(residual):
    """Falls less and less from its kink."""
    return tf.sqrt(tf.abs(residual) + 1.0)


def _broken_slots(gradient, parameter, slots, rate, count):
    """A slot that is not declared."""
    return -rate * gradient, {"memory": gradient}


def _broken_change(gradient, parameter, slots, rate, count):
    """The gradient by its own size, which may be 0."""
    return -rate * gradient / abs(gradient), {}


def _broken_alone(gradient, parameter, slots, rate, count):
    """A step that depends on the norm of the gradient."""
    return -rate * gradient / (tf.norm(gradient) + 1.0), {}


def _broken_shape_of_array(gradient, parameter, slots, rate, count):
    """A step that is smaller where there are more features."""
    return -rate * gradient / parameter.shape[0], {}


def _broken_memory(gradient, parameter, slots, rate, count):
    """A change by the old slot, and a new slot that is a mean."""
    mean = tf.reduce_mean(gradient) + 0.0 * gradient
    return -rate * slots["mean"], {"mean": mean}


def _broken_factor(progress, step):
    """Negative in the end."""
    return 1.0 - 2.0 * progress


def _broken_length(progress, step):
    """A factor that depends on the length."""
    return progress


def _broken_lowering(rate, stall, *, floor: float = 1e-6):
    """A third of the rate."""
    return rate / 3.0, 0 * stall, rate < floor


def _broken_momentum(gradient, parameter, slots, rate, count, *, momentum: float = 0.0):
    """Not finite with momentum."""
    return -rate * gradient / tf.maximum(0.25 - momentum, 0.0), {}


def _broken_word(gradient, parameter, slots, rate, count, *, fast: bool = False):
    """A slot that is not declared, with a bool that is not the default."""
    return -rate * gradient, {"memory": gradient} if fast else {}


def _broken_number(truth, prediction):
    """One number a row."""
    return truth - prediction


def _broken_way(truth, prediction):
    """A share of rows that are right."""
    return (truth == prediction).mean()


def _broken_sign(truth, prediction):
    """A mean error with its sign."""
    return (truth - prediction).mean()


def _broken_sign_of_the_other_side(truth, prediction):
    """The same with the other sign."""
    return (prediction - truth).mean()


def _broken_order(truth, prediction):
    """The error of the first row."""
    return abs(truth - prediction)[0]


def _broken_arrays(truth, prediction):
    """An error that is taken in place."""
    prediction -= truth
    return (prediction**2).mean()


def _broken_branch(residual):
    """Choose with Python's if what a compiled program must choose."""
    return residual**2 if tf.reduce_max(residual) > 1.0 else tf.abs(residual)


def _broken_row(truth, prediction):
    """An error that one row alone has not."""
    return abs(truth - prediction)[1:].max()


@pytest.mark.parametrize(
    ("decorate", "function", "facts", "sentence"),
    [
        (losses.loss, _broken_shape, {}, "it returns the shape (1,) where (10,)"),
        (losses.loss, _broken_slope_bound, {"slope_bound": 1.0}, "its slope reaches"),
        (
            losses.loss,
            _broken_branch,
            {"slope_bound": 1.0},
            "on a tensor, which cannot be",
        ),
        (losses.loss, _broken_convexity, {}, "say is_convex=False"),
        (optimizers.optimizer, _broken_slots, {}, "it returns the slots memory"),
        (optimizers.optimizer, _broken_change, {}, "not finite where the gradient is 0"),
        (
            optimizers.optimizer,
            _broken_alone,
            {"elementwise": True},
            "a value's change or slots depend on other values",
        ),
        (
            optimizers.optimizer,
            _broken_shape_of_array,
            {"elementwise": True},
            "or on the shape of the array",
        ),
        (
            optimizers.optimizer,
            _broken_memory,
            {"elementwise": True, "slots": ("mean",)},
            "a value's change or slots depend on other values",
        ),
        (schedules.schedule, _broken_factor, {}, "negative or not finite"),
        (schedules.schedule, _broken_length, {"needs_length": False}, "depends on progress"),
        (schedules.stall_schedule, _broken_lowering, {}, "say lowers_by=0.333333"),
        (optimizers.optimizer, _broken_momentum, {}, "not finite"),
        (optimizers.optimizer, _broken_word, {}, "it returns the slots memory"),
        (metrics.metric, _broken_number, {}, "must return one number"),
        (
            metrics.metric,
            _broken_way,
            {"of": "classes"},
            "says that lower is better: write higher_is_better=True there, or return",
        ),
        (metrics.metric, _broken_sign, {}, "such as its absolute value"),
        (metrics.metric, _broken_sign_of_the_other_side, {}, "such as its absolute value"),
        (
            metrics.metric,
            _broken_way,
            {"of": "classes", "higher_is_better": True, "worst": 0.9},
            "it can be worse than its worst of 0.9",
        ),
        (metrics.metric, _broken_order, {}, "when the rows are in another order"),
        (metrics.metric, _broken_arrays, {}, "it changes the arrays"),
        (metrics.metric, _broken_row, {}, "the metric _broken_row fails with ValueError"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_broken_kind_gives_a_sentence(decorate, function, facts, sentence):
    kind = decorate(**facts)(function)
    try:
        breaches = find_breaches(kind)
    finally:
        kind.family.forget(__name__)
    assert any(sentence in one for one in breaches)
