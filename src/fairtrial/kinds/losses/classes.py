"""Losses on classes: what a run on classes minimises."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Concatenate, overload

from pydantic import Field

from fairtrial.kinds.losses.numbers import (
    LOSSES,
    NO_MINIMISER,
    AnyLossSettings,
    CrossEntropy,
    Hinge,
    Terms,
    mask_lanes,
)
from fairtrial.kinds.mechanism.failures import check_tensor
from fairtrial.kinds.mechanism.kind import Kind, P, Variant
from fairtrial.kinds.mechanism.registry import decorate
from fairtrial.kinds.mechanism.tensors import is_off, tf
from fairtrial.settings.base import NonNegative

ClassMinimiser = CrossEntropy | Hinge
MANY = "its loss may have several minima"


@dataclass(frozen=True, eq=False, kw_only=True)
class ClassLoss(Kind[P]):
    """A loss on classes.

    Attributes
    ----------
    minimiser : CrossEntropy, Hinge, callable or str
        `CrossEntropy()` or `Hinge()` if the loss is that, maybe as a function of settings; else the
        reason why no exact minimiser is known.
    """

    family = LOSSES
    data = ("logits", "labels")
    compiled = True
    on_classes = True
    slope_bound = knee = None
    near = far = ""

    minimiser: ClassMinimiser | Callable[..., ClassMinimiser | str] | str = NO_MINIMISER

    def list_terms(self, settings: AnyLossSettings) -> Terms:
        """Return the losses that it is the sum of: itself."""
        return [(settings, 1.0)]


@overload
def class_loss(function: Callable[Concatenate[Any, Any, P], Any], /) -> ClassLoss[P]: ...
@overload
def class_loss(
    **facts: Any,
) -> Callable[[Callable[Concatenate[Any, Any, P], Any]], ClassLoss[P]]: ...
def class_loss(function: Any = None, /, **facts: Any) -> Any:
    """Make a loss on classes of a function of logits and labels; the facts are `ClassLoss`'s.

    Parameters
    ----------
    function : callable
        Of logits, (B, K, ...), with any lane axes last, and of labels, (B,), classes from 0. It
        returns the loss of each row, (B, ...). Its numbers broadcast over the lanes.
    """
    return decorate(ClassLoss, function, facts)


@class_loss(
    minimiser=lambda label_smoothing: CrossEntropy(label_smoothing),
    label="cross-entropy",
    also="logloss softmax nll categoricalcrossentropy sparsecategoricalcrossentropy ce",
    reference="Keras",
    off_at_zero=("label_smoothing",),
)
def cross_entropy(
    logits: Any, labels: Any, *, label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
) -> Any:
    """Mean softmax cross-entropy, in nats.

    The largest logit is taken off first, so no exponential overflows. With `label_smoothing` the
    label has the probability 1 - label_smoothing, and label_smoothing is spread evenly over all
    classes, the label too.

    References
    ----------
    Cox (1958), "The regression analysis of binary sequences". Szegedy et al. (2016),
    arXiv:1512.00567, section 7; `CategoricalCrossentropy` of Keras.
    """
    shifted = logits - tf.stop_gradient(tf.reduce_max(logits, 1, keepdims=True))
    own = tf.reduce_sum(shifted * _mark_labels(logits, labels), 1)
    if not is_off(label_smoothing):
        own += label_smoothing * (tf.reduce_mean(shifted, 1) - own)
    return tf.math.log(tf.reduce_sum(tf.exp(shifted), 1)) - own


def _mark_labels(logits: Any, labels: Any) -> Any:
    """Return 1 at each row's label and 0 elsewhere, shaped as the logits but for lanes."""
    one_hot = tf.one_hot(labels, logits.shape[1], dtype=logits.dtype)
    return tf.reshape(one_hot, (-1, logits.shape[1], *[1] * (logits.shape.rank - 2)))


def _predict(logits: Any) -> Any:
    """Return the softmax of logits over the classes."""
    shifted = logits - tf.stop_gradient(tf.reduce_max(logits, 1, keepdims=True))
    odds = tf.exp(shifted)
    return odds / tf.reduce_sum(odds, 1, keepdims=True)


@class_loss(minimiser=MANY, reference="SciPy", label="Brier", also="brierscore squarederror")
def brier(logits: Any, labels: Any) -> Any:
    """Sum over the classes of the squared error of the softmax; without a unit, from 0 to 2.

    The softmax bends it, so it may have several minima.

    References
    ----------
    Brier (1950), doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2.
    """
    return tf.reduce_sum(tf.square(_predict(logits) - _mark_labels(logits, labels)), 1)


@class_loss(minimiser=Hinge(), label="hinge", also="svm multiclasshinge")
def hinge(logits: Any, labels: Any) -> Any:
    """How far the label's logit is from 1 above the largest other one; 0 where it is further.

    `CategoricalHinge` of Keras counts 0 among the other logits.

    References
    ----------
    Crammer and Singer (2001), Journal of Machine Learning Research 2, 265-292.
    """
    marks = _mark_labels(logits, labels)
    own = tf.reduce_sum(tf.where(marks > 0, logits, 0.0), 1)
    lowest = tf.reduce_min(logits, 1, keepdims=True)
    others = tf.reduce_max(tf.where(marks > 0, lowest, logits), 1)
    return tf.maximum(1.0 + others - own, 0.0)


@class_loss(minimiser=Hinge(is_squared=True), label="squared hinge", also="squaredsvm l2svm")
def squared_hinge(logits: Any, labels: Any) -> Any:
    """Square of `hinge`, which has no kink where the label's logit is 1 above the others.

    References
    ----------
    Crammer and Singer (2001), Journal of Machine Learning Research 2, 265-292, for the margin;
    Tang (2013), arXiv:1306.0239, for its square.
    """
    return tf.square(hinge.function(logits, labels))


@class_loss(
    minimiser=MANY, reference="SciPy", label="generalized cross-entropy", also="gce lq truncatedlq"
)
def generalized_cross_entropy(
    logits: Any, labels: Any, *, q: Annotated[float, Field(gt=0, le=1)] = 0.7
) -> Any:
    """(1 - p^q) / q, where p is the probability of the label; without a unit.

    As q tends to 0 it is the cross-entropy. At q = 1 it is 1 - p, half of the absolute error of
    the softmax. It is bounded, so wrong labels count for less.

    References
    ----------
    Zhang and Sabuncu (2018), arXiv:1805.07836.
    """
    return -tf.math.expm1(-q * cross_entropy.function(logits, labels)) / q


@class_loss(minimiser=MANY, reference="Keras", label="focal", also="focalloss")
def focal(logits: Any, labels: Any, *, gamma: NonNegative = 2.0) -> Any:
    """Cross-entropy times (1 - p)^gamma, where p is the probability of the label; in nats.

    References
    ----------
    Lin et al. (2017), arXiv:1708.02002.
    """
    loss = cross_entropy.function(logits, labels)
    missed = tf.reduce_sum(_predict(logits) * (1.0 - _mark_labels(logits, labels)), 1)
    # Where a class is certain the power has no slope that is a number.
    safe = tf.maximum(missed, 1e-30)
    return tf.pow(safe, gamma) * loss


def measure_labels(terms: tuple[Variant, ...], logits: Any, labels: Any, numbers: Any) -> Any:
    """Return the loss of each row, (B, ...), by each lane's own loss.

    Logits are (B, K, ...), labels (B,). The numbers (...) are the weight of each term, 1 in its
    lanes and 0 in others, and the numbers of the terms.
    """
    shape = [*logits.shape[:1], *logits.shape[2:]]
    if len(terms) == 1:
        own = terms[0].apply(logits, labels, numbers=numbers)
        return check_tensor(own, shape, logits)
    losses = []
    for term in terms:
        weight = numbers[term.weight]
        # Logits of 0 are harmless, so that what other lanes do not use cannot be NaN there.
        safe = logits * tf.cast(weight != 0, logits.dtype)
        safe = mask_lanes(term.kind, safe, weight)
        own = check_tensor(term.apply(safe, labels, numbers=numbers), shape, logits)
        losses.append(mask_lanes(term.kind, weight * own, weight))
    return tf.add_n(losses)
