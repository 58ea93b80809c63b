"""The order in which stacks begin."""

import contextlib
import threading
from types import SimpleNamespace

import pytest

import fairtrial as ft
from fairtrial.running import stack
from fairtrial.running.engine import Here, Queue, StackProgress
from fairtrial.running.plan import plan_stacks

STUDY = ft.Study.from_toml("""
name = "what waits for what"
seeds = [0, 1]

[task]
kind = "digits"

[recipe]
loss = "cross_entropy"
optimizer = "sgd"
epochs = 2
batch_size = 64

[[arms]]
name = "pixels"

[[arms]]
name = "hog"
set = { features = "hog" }

[[arms]]
name = "fourier"
set = { features = { kind = "fourier", directions = 64 } }

[[baselines]]
name = "linear SVM"
model = "linear_svm"

[[baselines]]
name = "logistic regression"
model = "linear_model"

[[baselines]]
name = "SVM"
model = "svm"
""")


class Plan(SimpleNamespace):
    """What the queue looks at."""

    __hash__ = object.__hash__


def make_plan(seconds, waits_for=None):
    return Plan(seconds=seconds, waits_for=waits_for)


def test_the_longest_begins_first_unless_it_waits_for_one_that_trains():
    long, alike, free, short = (
        make_plan(9, "hog"),
        make_plan(8, "hog"),
        make_plan(7),
        make_plan(1, "hog"),
    )
    queue = Queue([short, free, alike, long])
    with contextlib.ExitStack() as training:
        taken = [training.enter_context(queue.take()) for _ in range(3)]
        assert taken == [long, free, alike]  # Where all others wait, the longest begins.
    with queue.take() as last:
        assert last == short


def test_what_failed_is_waited_for_no_longer():
    first, second, third = make_plan(3, "hog"), make_plan(2, "hog"), make_plan(1)
    queue = Queue([first, second, third])
    with pytest.raises(MemoryError), queue.take():
        raise MemoryError
    with queue.take() as plan:
        assert plan is second


def test_what_is_made_is_waited_for_no_longer():
    first, second, third = make_plan(3, "hog"), make_plan(2, "hog"), make_plan(1)
    queue = Queue([first, second, third])
    with queue.take():
        queue.release(first)
        with queue.take() as plan:
            assert plan is second


def test_stacks_on_the_same_features_begin_apart(monkeypatch):
    """Two at once: one makes the features of every seed, and the other trains on pixels."""
    began, both = [], threading.Barrier(2)

    def note(plan, progress):
        began.append(plan.recipes[0].features.kind)
        if len(began) <= 2:
            both.wait(10)
        return []

    monkeypatch.setattr(stack, "train_parts", note)
    plans = [one for one in plan_stacks(STUDY.list_runs()) if not one.is_baseline]
    plans = [one for one in plans if one.recipes[0].features.kind != "fourier"]
    engine = Here()
    engine.n_at_once = 2
    progress = StackProgress(plans, lambda status: None)
    assert len([*engine.train(plans, progress)]) == 4
    assert set(began[:2]) == {"hog", "pixels"}


def test_fits_with_warnings_and_features_to_be_made_are_waited_for():
    plans = plan_stacks(STUDY.list_runs())
    waits = {(plan.runs[0][0].arm.name, plan.runs[0][0].seed): plan.waits_for for plan in plans}
    assert waits["pixels", 0] is waits["SVM", 0] is None
    assert waits["linear SVM", 0] == waits["logistic regression", 0] is not None
    assert waits["hog", 0] == waits["hog", 1] is not None  # Nothing is fitted to a seed's rows.
    assert waits["fourier", 0] != waits["fourier", 1]
