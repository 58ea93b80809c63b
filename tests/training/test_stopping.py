"""The stall count; what it leads to is tested with the schedule, which shares it."""

import tensorflow as tf

from fairtrial.training.stopping import count_stall, has_stalled


def test_count_stall():
    loss, best = tf.constant([1.0, 2.0, 3.0]), tf.constant([2.0, 2.0, 2.0])
    best, stall = count_stall(loss, best, tf.constant([7, 7, 7]))
    assert best.numpy().tolist() == [1.0, 2.0, 2.0]
    assert stall.numpy().tolist() == [0, 8, 8]


def test_any_first_loss_is_the_lowest():
    best, stall = count_stall(tf.constant(3e38), tf.constant(float("inf")), tf.constant(0))
    assert float(best) > 2e38
    assert int(stall) == 0


def test_patience_of_0_never_stops():
    numbers = {"stopping.patience": tf.constant([0, 0, 3, 3])}
    found = has_stalled(tf.constant([0, 99, 2, 3]), numbers)
    assert found.numpy().tolist() == [False, False, False, True]
