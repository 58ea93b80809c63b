"""Fingerprints: alike for what trains alike, different for all else."""

import inspect
import itertools
import shutil
import subprocess
import sys

import pytest

from by_hand import recipe
from fairtrial.data.images.sets import load_images_once
from fairtrial.kinds.metrics.numbers import METRICS
from fairtrial.results import fingerprint
from fairtrial.results.fingerprint import (
    fingerprint_arm,
    fingerprint_code,
    fingerprint_metric,
    fingerprint_runs,
)
from fairtrial.study import Arm, Run
from fairtrial.study import recipe as recipe_module
from fairtrial.study.recipe import Penalty, Stopping
from fairtrial.study.task import DigitsTask, LineTask

LINE = LineTask(kind="line")
SOFTMAX = recipe("cross_entropy", epochs=1, batch_size=8)


def test_a_name_is_no_part_of_it():
    runs = [Run(Arm(name, LINE, recipe()), 3) for name in ("one", "other")]
    one, other = fingerprint_runs(runs)
    assert one == other


def test_a_default_that_is_written_out_changes_nothing():
    spelled = recipe(noise={}, penalty={"l2": 0.0}, schedule="constant")
    assert fingerprint_arm(LINE, recipe()) == fingerprint_arm(LINE, spelled)


def test_everything_else_is():
    arms = [
        (LINE, recipe()),
        (LINE, recipe(steps=21)),
        (LINE, recipe("huber")),
        (LINE, recipe({"kind": "huber", "delta": 2.0})),
        (LINE, recipe(noise={"weights": {}})),
        (LineTask(kind="line", rows=9_999), recipe()),
        (LineTask(kind="line", noise="laplace"), recipe()),
        (DigitsTask(kind="digits"), SOFTMAX),
    ]
    arms = [Arm(str(number), *arm) for number, arm in enumerate(arms)]
    runs = [Run(arm, seed) for arm, seed in itertools.product(arms, (0, 1, 10))]
    assert len(set(fingerprint_runs(runs))) == len(runs)


def test_the_same_in_every_process():
    """No hash that Python salts: written down from one process, found by another."""
    code = "from fairtrial.results.fingerprint import fingerprint_code; print(fingerprint_code())"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == fingerprint_code()


@pytest.fixture
def copy(monkeypatch, tmp_path):
    """A copy of the package, which the fingerprint is taken of."""
    load_images_once("digits", None)  # Before no package but the copy has files.
    package = fingerprint.resources.files("fairtrial")
    shutil.copytree(package, tmp_path / "fairtrial")
    monkeypatch.setattr(fingerprint.resources, "files", lambda name: tmp_path / name)
    assert fingerprint_code.__wrapped__() == fingerprint_code()
    return tmp_path / "fairtrial"


def comment(path):
    with path.open("a") as file:
        file.write("# a comment\n")


@pytest.mark.parametrize(
    "changed",
    [
        "training/step.py", "kinds/data/tasks.py", "data/tables/columns.py", "randomness.py",
        "data/features/patches.py", "data/images/own_images.py", "optimum/softmax.py",
        "results/scoring.py", "running/stack.py", "baselines.py", "kinds/baselines/models.py",
        "data/sources.py", "kinds/data/features.py", "kinds/baselines/estimators.py",
    ],
)  # fmt: skip
def test_code_that_can_change_a_number_counts(changed, copy):
    comment(copy / changed)
    assert fingerprint_code.__wrapped__() != fingerprint_code()


def test_new_folder_of_training_code_counts_once_it_is_imported(copy):
    new = copy / "training" / "later_code"
    new.mkdir()
    (new / "__init__.py").write_text("")
    (new / "step.py").write_text("SIZE = 1\n")
    assert fingerprint_code.__wrapped__() == fingerprint_code()
    with (copy / "training" / "step.py").open("a") as file:
        file.write("\ndef later():\n    from fairtrial.training.later_code import step\n")
    before = fingerprint_code.__wrapped__()
    comment(new / "step.py")
    assert fingerprint_code.__wrapped__() != before


@pytest.mark.parametrize(
    "changed",
    [
        "data/images/fetch.py", "report/page.py", "running/execute.py",
        "evidence/verdict.py", "cli/main.py", "settings/hints.py", "plots/names.py",
        "kinds/metrics/numbers.py", "kinds/metrics/classes.py", "results/predictions.py",
        "results/scores.py",
    ],
)  # fmt: skip
def test_code_that_changes_no_number_does_not_count(changed, copy):
    comment(copy / changed)
    assert fingerprint_code.__wrapped__() == fingerprint_code()


def test_metric_counts_by_its_own_source(copy):
    fingerprints = [METRICS.get(name) for name in ("mse", "auc")]

    def find():
        fingerprint._fingerprint_modules.cache_clear()
        return [fingerprint_metric(kind) for kind in fingerprints]

    try:
        before = find()
        comment(copy / "kinds" / "metrics" / "classes.py")
        after = find()
        assert (after[0] == before[0], after[1] == before[1]) == (True, False)
        comment(copy / "results" / "predictions.py")
        assert find()[0] != before[0]
    finally:
        fingerprint._fingerprint_modules.cache_clear()


def test_metric_that_ends_runs_counts(copy):
    watching = SOFTMAX.model_copy(
        update={"validation": 0.5, "stopping": Stopping(monitor="validation_auc")}
    )

    def find():
        fingerprint._fingerprint_modules.cache_clear()
        return [fingerprint_arm(DigitsTask(kind="digits"), one) for one in (SOFTMAX, watching)]

    try:
        before = find()
        comment(copy / "kinds" / "metrics" / "classes.py")
        after = find()
    finally:
        fingerprint._fingerprint_modules.cache_clear()
    assert (after[0] == before[0], after[1] == before[1]) == (True, False)


@pytest.mark.parametrize("library", ["tensorflow", "numpy"])
def test_the_libraries_count(library, monkeypatch):
    before, real = fingerprint_code(), fingerprint.find_version
    monkeypatch.setattr(
        fingerprint, "find_version", lambda name: "0.0" if name == library else real(name)
    )
    assert fingerprint_code.__wrapped__() != before


def test_what_settings_compute_counts_by_its_value(monkeypatch):
    """The source of the settings does not count, so the factors that they compute do."""
    plain, ridge = recipe(), recipe(penalty={"l2": 0.5})
    before = [fingerprint_arm(LINE, one) for one in (plain, ridge)]
    monkeypatch.setattr(Penalty, "on_squares", property(lambda self: 2.0 * self.l2))
    after = [fingerprint_arm(LINE, one) for one in (plain, ridge)]
    assert after[0] == before[0] and after[1] != before[1]


def test_settings_compute_by_properties_alone():
    """Of a method with arguments no value can count."""
    classes = [one for one in vars(recipe_module).values() if isinstance(one, type)]
    own = [one for one in classes if one.__module__ == recipe_module.__name__]
    assert Penalty in own
    methods = [
        name for one in own for name, value in vars(one).items()
        if inspect.isfunction(value) and not name.startswith("_")
    ]  # fmt: skip
    assert methods == []
