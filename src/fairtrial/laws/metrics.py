"""The laws of metrics."""

from collections.abc import Iterator

import numpy as np

from fairtrial.kinds.metrics.numbers import MetricSettings
from fairtrial.randomness import make_stream

N_ROWS, N_CLASSES = 60, 3
TOLERANCE = 1e-9

Rows = tuple[np.ndarray, np.ndarray]


def find_breaches(settings: MetricSettings) -> Iterator[str]:
    """Yield what breaks the laws of a metric."""
    kind = settings.definition
    truth, prediction = _predict(kind.of, error=0.8)
    kept = truth.copy(), prediction.copy()
    value = settings.call_function(truth, prediction)
    if np.ndim(value) != 0 or not np.isrealobj(value) or isinstance(value, str | bytes):
        yield f"it returns {type(value).__name__}, and must return one number"
        return
    value = float(value)
    if not np.isfinite(value):
        yield "it is not finite for ordinary predictions"
        return
    if not (np.array_equal(truth, kept[0]) and np.array_equal(prediction, kept[1])):
        yield "it changes the arrays that it is given"
        return
    if settings.measure(*kept) != value:
        yield "it has another value when it is called again with the same rows"
    order = make_stream(3, "law").permutation(N_ROWS)
    if not np.isclose(settings.measure(kept[0][order], kept[1][order]), value, rtol=TOLERANCE):
        yield "it has another value when the rows are in another order"
    yield from _find_wrong_way(settings, value)
    for rows in _list_odd_rows(kind.of):
        settings.measure(*rows)  # NaN is a value; an error is none.


def _find_wrong_way(settings: MetricSettings, value: float) -> Iterator[str]:
    """Yield a sentence where a perfect prediction is worse, or a value worse than the worst."""
    kind = settings.definition
    sign = 1.0 if kind.higher_is_better else -1.0
    perfect = settings.measure(*_predict(kind.of, error=0.0))
    wrong = [value]
    if kind.of == "numbers":  # Too large, and too small.
        wrong.append(settings.measure(*_predict(kind.of, error=-0.8)))
    best = max(wrong, key=lambda one: sign * one)
    if sign * perfect < sign * best - TOLERANCE:
        way, other = ("higher", False) if kind.higher_is_better else ("lower", True)
        yield (
            f"it is {perfect:.4g} where every prediction is right and {best:.4g} where some are "
            f"wrong, but its decorator says that {way} is better: write higher_is_better={other} "
            "there, or return how far a signed value is from the best one, such as its absolute "
            "value"
        )
    bad = settings.measure(*_predict(kind.of, error=50.0))
    if kind.worst is not None and min(sign * bad, sign * value) < sign * kind.worst - TOLERANCE:
        yield f"it can be worse than its worst of {kind.worst:g}"


def _predict(form: str, *, error: float) -> Rows:
    """Make a truth and a prediction of a form, with an error of some size."""
    stream = make_stream(5, "law of metrics")
    noise = stream.normal(size=(N_ROWS, N_CLASSES))
    if form == "numbers":
        truth = 10.0 + stream.normal(size=N_ROWS)
        return truth, truth + error * noise[:, 0]
    truth = np.arange(N_ROWS) % N_CLASSES
    return truth, _take_form(
        form, 40.0 * np.eye(N_CLASSES)[truth] / (1.0 + 20.0 * error) + error * noise
    )


def _take_form(form: str, logits: np.ndarray) -> np.ndarray:
    """Describe what logits, (N, K), predict, in a form of predictions of classes."""
    logs = logits - logits.max(1, keepdims=True)
    logs -= np.log(np.exp(logs).sum(1, keepdims=True))
    shares = np.exp(logs)
    return {
        "classes": logits.argmax(1),
        "confidence": np.column_stack([logits.argmax(1), shares.max(1)]),
        "probabilities": shares,
        "log_probabilities": logs,
    }[form]


def _list_odd_rows(form: str) -> Iterator[Rows]:
    """List rows at which a metric may be undefined, but must not end with an error."""
    if form == "numbers":
        yield np.zeros(3), np.zeros(3)
        yield np.ones(1), np.zeros(1)
        yield np.ones(3), np.full(3, np.inf)
        return
    logits = np.eye(N_CLASSES)[[0, 0, 1]]
    yield np.zeros(3, np.int64), _take_form(form, logits)
    yield np.array([2]), _take_form(form, logits[:1])
