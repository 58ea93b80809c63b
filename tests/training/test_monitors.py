"""What stopping and schedules watch: every metric on the validation rows, by scikit-learn."""

import numpy as np
import pytest
import scipy.special

import fairtrial as ft
from by_hand import recipe
from fairtrial.data.dataset import Dataset
from fairtrial.data.split import split_rows
from fairtrial.errors import InputError
from fairtrial.kinds.mechanism.plugins import find_kinds
from fairtrial.kinds.metrics.monitors import list_monitors, read_monitor
from fairtrial.kinds.metrics.numbers import METRICS
from fairtrial.training import eager, stacked
from kinds.metrics.test_metrics import tell
from reference.metrics import METRICS as REFERENCES

EPOCHS, PATIENCE, SEED = 16, 3, 7
LENGTH = {"batch_size": 8, "validation": 0.6}
RATE = {"kind": "adam", "learning_rate": 0.1}
NUMBERS = [*list_monitors("numbers"), "validation_pinball tau=0.9"]
CLASSES = [
    one.replace("of=...", "of=1") for one in [*list_monitors("classes"), "validation_top_k k=1"]
]


def make_data(on_classes):
    """Few rows of many features: what is learnt of their noise is worse on other rows."""
    stream = np.random.default_rng(11)
    X = stream.normal(size=(60, 12)).astype(np.float32)
    if on_classes:
        y = (X[:, :3] + stream.normal(size=(60, 3))).argmax(1).astype(np.int32)
        return Dataset(X, y, X[:8], y[:8], n_classes=3)
    y = (50.0 + 20.0 * X[:, 0] + 20.0 * stream.normal(size=60)).astype(np.float32)
    return Dataset(X, y, X[:8], y[:8])


def measure(metric, W, b, data):
    """Measure the validation rows as scikit-learn does, turned so that lower is better."""
    _, rows = split_rows(len(data.y), LENGTH["validation"], SEED)
    outputs, y = data.X[rows].astype(float) @ W.astype(float) + b, data.y[rows]
    told = tell(metric.definition.of, outputs) if data.n_classes else outputs
    sign = -1.0 if metric.definition.higher_is_better else 1.0
    return sign * REFERENCES[metric.kind](y, told, metric)


def find_end(values):
    """Return the epoch at which patience is over, and the best epoch; from 1."""
    best, at = np.inf, 0
    for epoch, value in enumerate(values, start=1):
        best, at = (value, epoch) if value < best else (best, at)
        if epoch - at >= PATIENCE:
            return epoch, at
    return len(values), at


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("standardise", [False, True])
@pytest.mark.parametrize("on_classes", [False, True])
def test_every_metric_stops_its_lane_and_restores_its_best(on_classes, standardise):
    """All in one stack, beside runs of every length, which show the parameters on the way."""
    if on_classes and standardise:
        pytest.skip("only numbers are standardised")
    data, monitors = make_data(on_classes), CLASSES if on_classes else NUMBERS
    loss = "cross_entropy" if on_classes else "mse"
    settings = LENGTH | {"standardise": standardise}
    lanes = [recipe(loss, RATE, epochs=n, **settings) for n in range(1, EPOCHS + 1)]
    for one in monitors:
        stopping = {"patience": PATIENCE, "monitor": one, "restore_best": True}
        lanes.append(recipe(loss, RATE, epochs=EPOCHS, stopping=stopping, **settings))
    (traces,) = stacked.train(stacked.Stack(lanes, [data], [SEED]))
    way, stopped = traces[:EPOCHS], traces[EPOCHS:]
    ends = []
    for one, found in zip(monitors, stopped, strict=True):
        end, best = find_end([measure(read_monitor(one), each.W, each.b, data) for each in way])
        assert (found.ended_at, one) == (end, one)
        np.testing.assert_allclose(found.W, way[best - 1].W, rtol=1e-6, err_msg=one)
        ends.append(end)
    assert min(ends) < EPOCHS and len({*ends}) > 1


@pytest.mark.parametrize("monitor", ["validation_r2", "validation_balanced_accuracy"])
def test_drivers_agree_on_what_is_watched(monitor):
    """Stopping, and a schedule with a threshold, on a stack of two data sets for numbers."""
    on_classes = monitor != "validation_r2"
    plateau = {"kind": "reduce_on_plateau", "monitor": monitor, "patience": 2, "threshold": 0.01}
    one = recipe(
        "cross_entropy" if on_classes else "mse", RATE, epochs=EPOCHS, schedule=plateau,
        stopping={"patience": 6, "monitor": monitor, "restore_best": True},
        standardise=not on_classes, **LENGTH,
    )  # fmt: skip
    data = make_data(on_classes)
    other = Dataset(data.X[::-1], data.y[::-1], data.test_X, data.test_y, n_classes=data.n_classes)
    sets = [data] if on_classes else [data, other]
    rows = stacked.train(stacked.Stack([one], sets, range(SEED, SEED + len(sets))))
    for seed, (found,), dataset in zip(range(SEED, SEED + len(sets)), rows, sets, strict=True):
        assert found.n_halvings > 0
        for driver in (eager.train, eager.train_in_graphs):
            expected = driver(one, dataset, seed)
            assert (found.outcome, found.ended_at) == (expected.outcome, expected.ended_at)
            assert found.n_halvings == expected.n_halvings
            np.testing.assert_allclose(found.W, expected.W, rtol=1e-3, atol=1e-4)


def test_metric_of_the_user_is_watched():
    @ft.metric(higher_is_better=True)
    def within(truth, prediction, *, most: float = 1.0):
        """Share of errors that are at most so large."""
        return np.mean(np.abs(truth - prediction) <= most)

    try:
        stopping = {"patience": 2, "monitor": "validation_within most=1000.0"}
        one = recipe("mse", RATE, epochs=EPOCHS, stopping=stopping, **LENGTH)
        found = eager.train(one, make_data(False), SEED)
        assert find_kinds(one) == [within]  # So that its source counts, and workers get it.
    finally:
        METRICS.forget(__name__)
    assert (found.outcome, found.ended_at) == ("stopped_early", 3)  # It is 1 after every epoch.


def test_metric_without_a_value_is_refused():
    data = make_data(True)
    none = np.where(data.y == 2, 1, data.y).astype(np.int32)
    data = Dataset(data.X, none, data.test_X, none[:8], n_classes=3)
    stopping = {"monitor": "validation_recall of=2"}
    one = recipe("cross_entropy", RATE, epochs=2, stopping=stopping, **LENGTH)
    with pytest.raises(
        InputError, match="With seed 7 the metric 'recall of=2' has no value on the"
    ):
        eager.train(one, data, SEED)


@pytest.mark.parametrize(
    ("monitor", "sentence"),
    [
        ("accuracy", "cannot be watched while a run trains; did you mean 'validation_accuracy'?"),
        ("val_acc", "did you mean 'validation_accuracy'?"),
        ("validation_r_2", "did you mean 'validation_r2'?"),
        ("seconds", "(known: loss, validation_mse"),
        ("validation_n_zeros", "(known: loss, validation_mse"),
        ("validation_recall", "check its settings, which stand after it"),
        ("validation_pinball tau=2.0", "check its settings, which stand after it"),
    ],
)
def test_what_cannot_be_watched_is_refused(monitor, sentence):
    with pytest.raises(InputError) as refused:
        ft.Recipe(loss="mse", optimizer="sgd", steps=1, stopping={"monitor": monitor})
    assert sentence in str(refused.value)


def test_loss_is_no_metric_on_validation_rows():
    assert read_monitor("loss") is None
    assert len(list_monitors()) == len([*METRICS])
    assert {*list_monitors("numbers")} | {*list_monitors("classes")} == {*list_monitors()}


def test_choices_of_lanes_stand_side_by_side():
    """One run watches the loss and another one the accuracy: each is its own lane's."""
    lanes = [
        recipe("cross_entropy", RATE, epochs=EPOCHS, stopping=stopping, **LENGTH)
        for stopping in (
            {"patience": 3},
            {"patience": 3, "monitor": "validation_accuracy"},
            {"patience": 3, "monitor": "validation_mcc"},
        )
    ]
    data = make_data(True)
    (traces,) = stacked.train(stacked.Stack(lanes, [data], [SEED]))
    assert traces[0].outcome == "completed"
    for one, found in zip(lanes, traces, strict=True):
        assert found.ended_at == eager.train(one, data, SEED).ended_at
    assert np.isfinite(scipy.special.logsumexp(traces[1].W))
