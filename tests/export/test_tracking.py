"""The MLflow store, read by MLflow's client and compared with the tables."""

import sys
from pathlib import Path

import numpy as np
import pytest

from fairtrial.errors import InputError
from fairtrial.export.formats import export
from fairtrial.results.store import list_metrics, list_settings

LARGEST = sys.float_info.max


@pytest.fixture(scope="module", autouse=True)
def mlflow():
    """MLflow, imported late because it takes seconds."""
    for package in ("sqlalchemy", "alembic"):
        pytest.importorskip(package)
    return pytest.importorskip("mlflow")


@pytest.fixture(scope="module")
def client(mlflow, trial, tmp_path_factory):
    place = export(trial.folder, "mlflow", tmp_path_factory.mktemp("mlflow") / "a #b")
    return mlflow.MlflowClient(tracking_uri=f"sqlite:///{place}/mlflow.db")


@pytest.fixture(scope="module")
def found(client):
    experiment = client.get_experiment_by_name("Default (study)")
    return {
        (run.data.tags["arm"], int(run.data.tags["seed"])): run
        for run in client.search_runs([experiment.experiment_id])
    }


def test_mlflow_runs_have_settings_and_tags(trial, found):
    assert len(found) == trial.runs.height
    for row in trial.runs.iter_rows(named=True):
        run = found[row["arm"], row["seed"]]
        settings = {name: row[name] for name in list_settings(trial.runs)}
        assert run.data.params == {
            name: str(value) for name, value in settings.items() if value is not None
        }
        assert run.info.run_name == row["run"]
        assert run.data.tags["study"] == "Default"
        assert run.data.tags["outcome"] == row["outcome"]
        assert run.info.status == ("FINISHED" if row["outcome"] == "completed" else "FAILED")


def test_mlflow_runs_have_curves_and_metrics(trial, client, found):
    """To the last bit; MLflow writes infinity as the largest number."""
    for row in trial.runs.iter_rows(named=True):
        run, curves = found[row["arm"], row["seed"]], trial.curves.filter(run=row["run"])
        expected = {
            f"curves/{quantity}": list(curve.select("at", "value").iter_rows())
            for (quantity,), curve in curves.group_by("quantity")
        }
        for name in list_metrics(trial.runs):
            if row[name] is not None:
                expected[f"scoreboard/{name}"] = [(row["ended_at"], row[name])]
        assert set(run.data.metrics) == set(expected)
        for name, points in expected.items():
            history = client.get_metric_history(run.info.run_id, name)
            stored = sorted((one.step, one.value) for one in history)
            points = [(at, float(np.clip(value, -LARGEST, LARGEST))) for at, value in points]
            np.testing.assert_array_equal(stored, sorted(points))


def test_mlflow_runs_have_the_study_file(trial, client, found, tmp_path):
    for run in found.values():
        path = client.download_artifacts(run.info.run_id, "study.toml", str(tmp_path))
        assert (trial.folder / "study.toml").read_text() == Path(path).read_text()


@pytest.mark.parametrize("name", ["a?b", "a%20b"])
def test_mlflow_refuses_a_path_with_special_characters(trial, tmp_path, name):
    with pytest.raises(InputError, match=r"has a \? or %"):
        export(trial.folder, "mlflow", tmp_path / name)
    assert list(tmp_path.iterdir()) == []
