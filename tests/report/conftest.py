"""A small lab folder with made-up figures under realistic names."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
import pytest

LOSSES = ("mse", "mae", "huber", "hybrid")
SETTINGS = ("learning rate 0.001", "5,000 steps from 0.5", "noise on the weights")
OPTIMIZERS = ("adam", "sgd", "rmsprop")
N_STEPS, N_EPOCHS, SIDE, N_CLASSES = 400, 4, 8, 10
HOSTILE = "<script>alert(1)</script>"


@dataclass
class FakeImages:
    side: int = SIDE
    pixel_range: float = 16.0
    class_names: tuple[str, ...] = tuple(f"</script>{k}" for k in range(N_CLASSES))
    test_images: np.ndarray = field(
        default_factory=lambda: np.random.default_rng(1).integers(0, 17, (30, SIDE**2), np.uint8)
    )
    test_labels: np.ndarray = field(default_factory=lambda: np.arange(30) % N_CLASSES)


def draw_line_rows(folder: Path, arm: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(seed).normal(size=1000)
    return x, 3 * x + 2


def make_line(folder: Path, n_seeds: int) -> None:
    runs, curves, parameters = [], [], []
    at = np.arange(N_STEPS)
    for setting in SETTINGS:
        for loss in LOSSES:
            for seed in range(n_seeds):
                run = f"{setting} · {loss} #{seed}"
                diverged = setting == SETTINGS[1] and loss == "mae" and seed == 0
                injected = setting == SETTINGS[2]
                error = float("nan") if diverged else 0.01 * (1 + seed)
                runs.append(
                    {
                        "run": run,
                        "arm": f"{setting} · {loss}",
                        "seed": seed,
                        "task.kind": "line",
                        "task.slope": 3.0,
                        "task.intercept": 2.0,
                        "loss.kind": loss,
                        "loss.delta": 1.0 if loss == "huber" else None,
                        "optimizer.kind": "sgd",
                        "optimizer.learning_rate": 0.001 if setting == SETTINGS[0] else 0.01,
                        "schedule.kind": "halve_on_plateau" if injected else "constant",
                        "init.kind": "normal" if setting == SETTINGS[0] else "constant",
                        "steps": N_STEPS,
                        "noise.weights.every": 100 if injected else None,
                        "outcome": "diverged" if diverged else "completed",
                        "ended_at": 37 if diverged else N_STEPS,
                        "seconds": 0.1,
                        "parameter_error": error,
                        "mse": 1 + error,
                        "mae": 0.8 + error,
                        "rmse": 1 + error,
                        "r2": 0.9,
                    }
                )
                kept = at[: 37 if diverged else N_STEPS]
                rate = np.where(injected & (kept > 200), 0.005, 0.01)
                values = {
                    "loss": np.exp(-kept / 90) + 1 + 0.1 * seed,
                    "learning_rate": rate,
                    "slope": 3 - np.exp(-kept / 90) - 0.01 * seed,
                    "intercept": 2 - np.exp(-kept / 90),
                }
                curves += [
                    pl.DataFrame({"run": run, "at": kept, "quantity": name, "value": value})
                    for name, value in values.items()
                ]
                parameters += [
                    {"run": run, "parameter": "W", "shape": [1], "values": [2.9]},
                    {"run": run, "parameter": "b", "shape": [], "values": [1.9]},
                ]
    write_results(folder, f'name = "{HOSTILE}"\n', runs, pl.concat(curves), parameters)


def make_fashion(folder: Path, n_seeds: int) -> None:
    runs, curves, parameters = [], [], []
    rng = np.random.default_rng(0)
    metrics = [
        f"{rows}{name}"
        for rows in ("", "validation_", "train_")
        for name in ("accuracy", "cross_entropy")
    ]
    for optimizer in OPTIMIZERS:
        for seed in range(n_seeds):
            arm = f"Table 3 · {optimizer}"
            run = f"{arm} #{seed}"
            value = 0.8 + 0.01 * seed
            runs.append(
                {
                    "run": run,
                    "arm": arm,
                    "seed": seed,
                    "task.kind": "digits",
                    "loss.kind": "cross_entropy",
                    "optimizer.kind": optimizer,
                    "epochs": N_EPOCHS,
                    "outcome": "completed",
                    "ended_at": N_EPOCHS,
                    "seconds": 1.0,
                    **dict.fromkeys(metrics, value),
                }
            )
            curves += [
                pl.DataFrame(
                    {"run": run, "at": range(1, N_EPOCHS + 1), "quantity": name, "value": value}
                )
                for name in metrics
            ]
            W, b = rng.normal(size=(SIDE**2, N_CLASSES)), np.zeros(N_CLASSES)
            parameters += [
                {
                    "run": run,
                    "parameter": name,
                    "shape": list(a.shape),
                    "values": a.ravel().tolist(),
                }
                for name, a in (("W", W), ("b", b))
            ]
    write_results(folder, 'name = "Softmax"\n', runs, pl.concat(curves), parameters)


def write_results(folder, study, runs, curves, parameters) -> None:
    folder.mkdir(parents=True)
    (folder / "study.toml").write_text(study)
    pl.DataFrame(runs, infer_schema_length=None).write_parquet(folder / "runs.parquet")
    curves.write_parquet(folder / "curves.parquet")
    schema = {"shape": pl.List(pl.Int64), "values": pl.List(pl.Float32)}
    pl.DataFrame(parameters, schema_overrides=schema).write_parquet(folder / "parameters.parquet")


def make_lab(folder: Path, n_seeds: int, fallback: str | None = None) -> Path:
    make_line(folder / "line", n_seeds)
    make_fashion(folder / "fashion", n_seeds)
    data = {"name": "digits", "source": "shipped", "fingerprint": "ab12", "fallback": fallback}
    environment = {
        "fairtrial": "0.1.0",
        "python": "3.13",
        "xla": True,
        "seconds": 3.2,
        "data": data,
    }
    (folder / "environment.json").write_text(json.dumps(environment))
    entries = [("slope", "2.9519", True), ("loss@100", "1.3", False), ("stopped_at", "400", True)]
    replay = [
        {"label": "Table 1, MSE", "quantity": q, "reported": v, "replayed": v, "match": match}
        for q, v, match in entries
    ]
    (folder / "replay.json").write_text(json.dumps(replay))
    return folder


@pytest.fixture(scope="session")
def lab(tmp_path_factory) -> Path:
    """A lab of three seeds, on the digits."""
    return make_lab(tmp_path_factory.mktemp("lab"), 3, "Fashion-MNIST could not be downloaded.")


@pytest.fixture(scope="session")
def lab_of_one(tmp_path_factory) -> Path:
    """A lab of a single seed."""
    return make_lab(tmp_path_factory.mktemp("lab_of_one"), 1)


@pytest.fixture
def image_source():
    """Gives the same fake images for every name."""
    return lambda name: FakeImages()


@pytest.fixture
def line_rows():
    """Draws fake rows of a line."""
    return draw_line_rows
