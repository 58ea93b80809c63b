"""Export to MLflow: a local store with one MLflow run per run."""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from fairtrial.errors import InputError
from fairtrial.export.tables import CURVE, METRIC, flatten_lists, walk_runs
from fairtrial.progress import Progress
from fairtrial.results.results import Results
from fairtrial.results.store import STUDY, list_metrics, list_settings

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric

# SQLite, because MLflow no longer writes stores of plain files.
DATABASE, ARTIFACTS = "mlflow.db", "artifacts"
# Limits of MLflow.
LONGEST_NAME, LONGEST_TAG, MOST_METRICS = 500, 8000, 1000
# The name of an experiment that every new store has.
TAKEN = "Default"


def write_store(trial: Results, place: Path, progress: Progress) -> None:
    """Write a local MLflow store: one experiment with one MLflow run per run.

    A run has its settings as parameters, `curves/QUANTITY` with steps, `scoreboard/METRIC`, the
    tags study, arm, seed and outcome, and `study.toml` as an artifact. The network is not used.
    MLflow finds artifacts only while the folder is not moved. The path must not have characters
    that a database address cannot have.
    """
    place = place.absolute()
    if {"?", "%"} & set(str(place)):
        raise InputError(
            f"{place} has a ? or %, which addresses of MLflow stores cannot have: choose another "
            "folder with --out."
        )
    client = _open_store(place / DATABASE)
    from mlflow.entities import Param
    from mlflow.exceptions import MlflowException

    runs, name = flatten_lists(trial.runs), trial.study.name
    settings, metrics = list_settings(runs), list_metrics(runs)
    try:
        experiment = client.create_experiment(
            name_experiment(name), artifact_location=(place / ARTIFACTS).as_uri()
        )
        for row, curves in walk_runs(trial, runs, "mlflow", progress):
            tags = {"study": name} | {key: str(row[key]) for key in ("arm", "seed", "outcome")}
            run_id = client.create_run(
                experiment, run_name=row["run"][:LONGEST_TAG],
                tags={key: text[:LONGEST_TAG] for key, text in tags.items()},
            ).info.run_id  # fmt: skip
            params = [Param(key, str(row[key])) for key in settings if row[key] is not None]
            client.log_batch(run_id, params=params)
            points = _list_points(row, metrics, curves)
            for first in range(0, len(points), MOST_METRICS):
                client.log_batch(run_id, metrics=points[first : first + MOST_METRICS])
            is_failed = row["outcome"] == "diverged"
            client.set_terminated(run_id, "FAILED" if is_failed else "FINISHED")
            client.log_artifact(run_id, str(trial.folder / STUDY))
    except MlflowException as error:
        raise OSError(error.message) from None


def name_experiment(study: str) -> str:
    """Name an MLflow experiment after a study, within MLflow's rules.

    Examples
    --------
    >>> name_experiment("Rates"), name_experiment("Default")
    ('Rates', 'Default (study)')
    """
    return f"{study} (study)" if study == TAKEN else study[:LONGEST_NAME]


def _open_store(database: Path) -> "MlflowClient":
    """Open a store, with MLflow's telemetry and notes turned off."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    from mlflow import MlflowClient

    address = f"sqlite:///{database}"
    return MlflowClient(tracking_uri=address, registry_uri=address)


def _list_points(row: dict[str, Any], metrics: list[str], curves: pl.DataFrame) -> "list[Metric]":
    """List all numbers of a run: its curves, then its metrics at the end of the run."""
    from mlflow.entities import Metric

    now = int(time.time() * 1000)
    return [
        *(
            Metric(CURVE + quantity, value, now, at)
            for at, quantity, value in curves.select("at", "quantity", "value").iter_rows()
        ),
        *(
            # MLflow allows no = in names.
            Metric(METRIC + name.replace("=", " "), row[name], now, row["ended_at"])
            for name in metrics
            if row[name] is not None
        ),
    ]
