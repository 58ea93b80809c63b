"""`averages.parquet`: metrics at the means of the last iterates, against NumPy float64."""

import numpy as np
import pytest

import fairtrial as ft
from by_hand import descend
from fairtrial.data.load import load_dataset
from fairtrial.errors import InputError
from fairtrial.parameters import draw_init
from fairtrial.training import eager
from made_up import make_study

ARMS = [{"name": "last"}, {"name": "mean", "set": {"average": "last_epoch"}}]
CLAIM = {"better": {"average": "last_epoch"}, "than": {"average": "none"}, "on": "parameter_error"}


def test_means_of_lines_are_measured_as_ends_are(tmp_path):
    recipe = {"loss": "mae", "optimizer": {"kind": "sgd", "learning_rate": 4.0}, "steps": 60}
    study = make_study([CLAIM], seeds=3, vary={}, arms=ARMS, recipe=recipe)
    trial = ft.run(study, tmp_path)
    assert trial.averages["run"].to_list() == trial.runs["run"].to_list()
    arm = study.list_arms()[0]
    for seed in range(3):
        data = load_dataset(arm.task, seed)
        by_hand = descend(arm.recipe, data.X, data.y, *draw_init(arm.recipe.init, 1, 0, seed))
        W, b = by_hand.average(20)
        expected = np.hypot(W[0] - 3.0, b - 2.0)
        kept = trial.averages.filter(run=f"last #{seed}")["parameter_error"].item()
        assert kept == pytest.approx(expected, rel=1e-4)
        ended = trial.runs.filter(arm="mean", seed=seed)["parameter_error"].item()
        assert ended == kept == trial.averages.filter(run=f"mean #{seed}")["parameter_error"].item()
        last = trial.runs.filter(arm="last", seed=seed)["parameter_error"].item()
        assert abs(last - kept) > 0.1
    (row,) = ft.judge(tmp_path).to_dicts()
    assert (row["objective"], row["unfinished"]) == (0.0, 0.0)
    assert row["noise_floor"] == row["difference"]


def test_means_of_classes_are_measured_as_ends_are(tmp_path):
    claim = CLAIM | {"on": "accuracy"}
    recipe = {
        "loss": "cross_entropy", "optimizer": {"kind": "adam", "learning_rate": 0.1}, "epochs": 2,
        "batch_size": 100, "validation": 0.2,
    }  # fmt: skip
    study = make_study([claim], seeds=1, vary={}, arms=ARMS, recipe=recipe, task="digits")
    trial = ft.run(study, tmp_path)
    arm, data = study.list_arms()[0], load_dataset(study.task, 0)
    mean = eager.train(arm.recipe, data, 0).average
    logits = data.test_X / 16.0 @ mean.W.astype(float) + mean.b
    right = logits.argmax(1) == data.test_y
    (row,) = trial.averages.filter(run="last #0").to_dicts()
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    entropy = -np.log(shares[np.arange(len(right)), data.test_y]).mean()
    assert row["accuracy"] == pytest.approx(right.mean(), abs=1.5 / len(right))
    assert row["cross_entropy"] == pytest.approx(entropy, rel=1e-3)
    kept = np.unpackbits(np.frombuffer(row["right"], np.uint8), count=row["n_test_rows"])
    assert kept.mean() == row["accuracy"] and np.mean(kept == right) > 0.99
    ended = trial.runs.filter(arm="mean")["accuracy"].item()
    assert ended == row["accuracy"]
    assert {"train_accuracy", "validation_macro_f1", "generalization_gap"} <= {*row}


def test_no_means_are_kept_where_no_claim_needs_them(tmp_path):
    """A claim on the way needs none; an arm that ends with its mean has one all the same."""
    claim = CLAIM | {"on": "n_rate_halvings"}
    study = make_study([claim], seeds=1, vary={}, arms=ARMS)
    assert not study.needs_averages
    alone = make_study([], seeds=1, vary={}, arms=ARMS[:1])
    assert ft.run(alone, tmp_path).averages.is_empty()


TEXT = """
name = "Means"
seeds = 1
task = "line"
[recipe]
loss = "mse"
optimizer = "sgd"
steps = 9
"""


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (
            'average = "last_epoch"\nstopping = { restore_best = true }',
            "both say what the run ends with: choose one of them",
        ),
        ('average = "last"', "'last_epoch'"),
    ],
)
def test_mean_is_refused_in_a_sentence_where_it_cannot_be(more, sentence):
    with pytest.raises(InputError, match=sentence):
        ft.Study.from_toml(TEXT + more)


def test_means_are_a_setting_of_grids_and_of_the_schema():
    study = make_study([CLAIM], vary={"average": ["none", "last_epoch"]})
    assert [arm.settings["average.kind"] for arm in study.list_arms()] == ["none", "last_epoch"]
    more = make_study(
        [CLAIM | {"better": {"average": {"kind": "ema", "decay": 0.9}}}],
        vary={"average": ["none", {"kind": "ema", "decay": 0.9}, "last_epoch"]},
    )
    assert [arm.name for arm in more.list_arms()][1] == "ema decay=0.9"
