"""How well parameters predict all rows of a part of the data."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from fairtrial.data.split import Part
from fairtrial.kinds.losses.classes import cross_entropy
from fairtrial.kinds.metrics.numbers import TRAIN
from fairtrial.parameters import Parameters
from fairtrial.training.model import predict_logits, predict_numbers
from fairtrial.training.programs import BLOCK, count_block_rows
from fairtrial.training.rows import Read
from fairtrial.training.trace import Predictions

Evaluate = Callable[[Parameters, Any, Any], dict[str, Any]]


def score_parts(
    evaluate_piece: Evaluate, parameters: Parameters, parts: Mapping[str, Read]
) -> dict[str, Any]:
    """Evaluate parameters on all parts of the data: metrics (...), by prefix and name."""
    scores: dict[str, Any] = {}
    for prefix, read in parts.items():
        pieces = [(len(y), evaluate_piece(parameters, X, y)) for X, y in read()]
        scores |= average_pieces(pieces, prefix)
    return scores


def average_pieces(pieces: Sequence[tuple[int, Mapping[str, Any]]], prefix: str) -> dict[str, Any]:
    """Average metrics over pieces of a part of the data, which have so many rows; (...) each."""
    n_rows = sum(n for n, _ in pieces)
    return {
        prefix + name: sum(n / n_rows * found[name] for n, found in pieces)
        for name in (pieces[0][1] if pieces else ())
    }


def evaluate(parameters: Parameters, X: Any, y: Any, divisor: int) -> dict[str, Any]:
    """Measure parameters on classes, see `evaluate_classes`, or on numbers y, (N,) or (S, 1, N).

    On numbers that is `mse` and `mae`, in squared target units and in target units; (...).
    """
    X, y = tf.convert_to_tensor(X), tf.convert_to_tensor(y)
    if y.dtype.is_integer:
        return evaluate_classes(parameters, X, y, divisor)
    return {
        name: tf.reduce_mean(values, -1) for name, values in score_rows(parameters, X, y).items()
    }


def evaluate_classes(parameters: Parameters, X: Any, labels: Any, divisor: int) -> dict[str, Any]:
    """Measure mean `cross_entropy` in nats, and `accuracy` as a share; (...).

    `W` is (D, K, ...) and `b` (K, ...); X (N, D), of any type of numbers, is divided by `divisor`;
    labels are (N,).
    """
    n_rows = labels.shape[0]
    n_together = count_block_rows(X.shape[1])
    n_whole = n_rows // n_together

    def add_block(first: Any, size: int, sums: dict[str, Any]) -> dict[str, Any]:
        block = tf.slice(X, [first, 0], [size, X.shape[1]])
        truth = tf.slice(labels, [first], [size])
        scores = score_rows(parameters, tf.cast(block, tf.float32) / divisor, truth)
        return {name: sums[name] + tf.reduce_sum(scores[name], 0) for name in sums}

    sums = dict.fromkeys(name_scores(labels), tf.zeros(parameters.b.shape[1:]))
    if n_whole:  # XLA compiles a loop's body even where it never runs, and refuses the slice.
        _, sums = tf.while_loop(
            lambda block, _: block < n_whole,
            lambda block, sums: (block + 1, add_block(block * n_together, n_together, sums)),
            (0, sums),
        )
    if rest := n_rows - n_whole * n_together:
        sums = add_block(n_whole * n_together, rest, sums)
    return {name: total / n_rows for name, total in sums.items()}


def name_scores(y: Any) -> tuple[str, str]:
    """Name what `score_rows` measures."""
    return ("cross_entropy", "accuracy") if y.dtype.is_integer else ("mse", "mae")


def score_rows(parameters: Parameters, X: Any, y: Any) -> dict[str, Any]:
    """Measure each row by itself, X float32: what `evaluate` averages.

    With classes, (B,) labels and (B, ...) each; with numbers, y and each as `evaluate` takes y.
    """
    if not y.dtype.is_integer:
        residual = y - predict_numbers(parameters, X)
        return {"mse": tf.square(residual), "mae": tf.abs(residual)}
    logits = predict_logits(parameters, X)
    predicted = tf.argmax(logits, 1, output_type=tf.int32)
    right = predicted == tf.reshape(y, (-1, *[1] * (logits.shape.rank - 2)))
    losses = cross_entropy.function(logits, y)
    return {"cross_entropy": losses, "accuracy": tf.cast(right, tf.float32)}


def predict(parameters: Parameters, X: Any, labels: Any, divisor: int) -> tuple[Any, Any, Any]:
    """Predict the class of each row, its probability, and the loss in nats; (B, ...) each."""
    logits = predict_logits(parameters, tf.cast(X, tf.float32) / divisor)
    shifted = logits - tf.reduce_max(logits, 1, keepdims=True)
    classes = tf.argmax(logits, 1, output_type=tf.int32)
    losses = cross_entropy.function(logits, tf.convert_to_tensor(labels))
    return classes, 1.0 / tf.reduce_sum(tf.exp(shifted), 1), losses


def predict_rows(parameters: Parameters, X: Any, y: Any, divisor: int) -> Any:
    """Compute the logits (N, K, ...) of rows with classes, or predict the numbers (..., N)."""
    if y.dtype.is_integer:
        return predict_logits(parameters, tf.cast(X, tf.float32) / divisor)
    return predict_numbers(parameters, X)


def assess(
    evaluate_piece: Evaluate,
    predict_block: Callable[[Parameters, Any, Any], tuple[Any, Any, Any]],
    parameters: Parameters,
    held: Mapping[str, Read],
    parts: Mapping[str, Part],
    known: dict[str, Any] | None = None,
) -> tuple[dict[str, Any], dict[str, Predictions]]:
    """Measure parameters that a run may end with: the metrics of `score_parts`, and predictions.

    `predict_block` is `predict` for a block of the validation and test rows. No row is predicted
    twice: what is not of the training rows follows from the predictions. `known` has the metrics,
    where they are known already.
    """
    scores, predicted = known, dict[str, Predictions]()
    if scores is None:
        scores = score_parts(evaluate_piece, parameters, {TRAIN: held[TRAIN]})
    for prefix, part in parts.items():
        if prefix == TRAIN:
            continue
        slices = [slice(first, first + BLOCK) for first in range(0, len(part), BLOCK)]
        blocks = [predict_block(parameters, part.read(rows), part.y[rows]) for rows in slices]
        sides = (map(np.asarray, values) for values in zip(*blocks, strict=True))
        predicted[prefix] = one = Predictions(*(np.concatenate([*side]) for side in sides))
        if known is None:
            truth = part.y.reshape(-1, *[1] * (one.classes.ndim - 1))
            scores[f"{prefix}cross_entropy"] = one.losses.mean(0, np.float64)
            scores[f"{prefix}accuracy"] = (one.classes == truth).mean(0)
    return scores, predicted
