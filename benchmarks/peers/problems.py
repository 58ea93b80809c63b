"""The problems of the benchmarks: data, starts and hyperparameters as arrays, for any system."""

from dataclasses import dataclass

import numpy as np

from fairtrial.data.catalog import find
from fairtrial.data.dataset import Dataset
from fairtrial.data.load import load_dataset
from fairtrial.data.split import order_rows
from fairtrial.parameters import draw_init
from fairtrial.randomness import make_stream
from fairtrial.study.recipe import Recipe
from fairtrial.study.task import FashionMnistTask, LineTask

N_FEATURES, N_CLASSES = 784, 10
LOSSES = ("mse", "mae", "huber", "hybrid")


@dataclass(frozen=True)
class LineProblem:
    """A line for each of S seeds with each of L losses: full batch, plain gradient descent.

    A loss is `squared e² + absolute |e| + huber h(e)`, averaged over the rows, where `h` is Huber's
    function with delta 1.

    Attributes
    ----------
    recipes : tuple of Recipe
        The L losses as recipes of fairtrial.
    datasets : tuple of Dataset
        A line for each of the S seeds.
    seeds : tuple of int
        The S seeds.
    x, y : (S, N) float32
        The same lines as arrays.
    W, b : (S,) float32
        The starts.
    squared, absolute, huber : (L,) float32
        The coefficients of the losses.
    learning_rate : float
        The learning rate of all lanes.
    n_steps : int
        T.
    """

    recipes: tuple[Recipe, ...]
    datasets: tuple[Dataset, ...]
    seeds: tuple[int, ...]
    x: np.ndarray
    y: np.ndarray
    W: np.ndarray
    b: np.ndarray
    squared: np.ndarray
    absolute: np.ndarray
    huber: np.ndarray
    learning_rate: float
    n_steps: int


def make_line_problem(n_seeds: int, n_rows: int, n_steps: int) -> LineProblem:
    """Make the line problem: MSE, MAE, Huber and Hybrid for each seed.

    Parameters
    ----------
    n_seeds, n_rows, n_steps : int
        S, N and T; there are 4 S lanes.

    Returns
    -------
    LineProblem
    """
    learning_rate, seeds = 0.01, tuple(range(n_seeds))
    recipes = tuple(
        Recipe.model_validate(
            {
                "loss": loss,
                "optimizer": {"kind": "sgd", "learning_rate": learning_rate},
                "init": {"kind": "normal", "bias_scale": None},
                "steps": n_steps,
            }
        )
        for loss in LOSSES
    )
    task = LineTask.model_validate(
        {"kind": "line", "rows": n_rows, "test_rows": 2, "noise": "laplace"}
    )
    datasets = tuple(load_dataset(task, seed) for seed in seeds)
    starts = [draw_init(recipes[0].init, 1, 0, seed) for seed in seeds]
    return LineProblem(
        recipes,
        datasets,
        seeds,
        x=np.stack([dataset.X[:, 0] for dataset in datasets]),
        y=np.stack([dataset.y for dataset in datasets]),
        W=np.concatenate([start.W for start in starts]),
        b=np.stack([start.b for start in starts]),
        squared=np.array([1.0, 0.0, 0.0, 0.5], np.float32),
        absolute=np.array([0.0, 1.0, 0.0, 0.5], np.float32),
        huber=np.array([0.0, 0.0, 1.0, 0.0], np.float32),
        learning_rate=learning_rate,
        n_steps=n_steps,
    )


@dataclass(frozen=True)
class SoftmaxProblem:
    """One epoch of softmax regression with Adam, for L learning rates from the same start.

    Attributes
    ----------
    recipes : tuple of Recipe
        The L learning rates as recipes of fairtrial.
    X : (N, D) uint8
        Pixels; N is a whole number of batches.
    y : (N,) int32
        Classes.
    order : (N,) int
        The order of the rows in the epoch.
    W, b : (D, K), (K,) float32
        The start.
    learning_rate : (L,) float32
        The learning rate of each lane.
    batch_size : int
        B.
    pixel_range : int
        The number that pixels are divided by.
    """

    recipes: tuple[Recipe, ...]
    X: np.ndarray
    y: np.ndarray
    order: np.ndarray
    W: np.ndarray
    b: np.ndarray
    learning_rate: np.ndarray
    batch_size: int
    pixel_range: int = 255


BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-7  # Adam's, in every system


def make_softmax_problem(n_lanes: int, n_rows: int, batch_size: int) -> SoftmaxProblem:
    """Make the softmax problem on the first rows of Fashion-MNIST.

    Parameters
    ----------
    n_lanes, n_rows, batch_size : int
        L, N and B; rows beyond a whole number of batches are dropped.

    Returns
    -------
    SoftmaxProblem
        With random pixels if Fashion-MNIST is not on this machine; the speed is the same.
    """
    n_rows -= n_rows % batch_size
    X, y = _load_pixels(n_rows)
    rates = np.geomspace(1e-4, 1e-2, n_lanes)
    recipes = tuple(
        Recipe.model_validate(
            {
                "loss": "cross_entropy",
                "optimizer": {"kind": "adam", "learning_rate": float(rate)},
                "init": {"kind": "normal", "scale": 0.01, "bias_scale": 0.0},
                "epochs": 1,
                "batch_size": batch_size,
            }
        )
        for rate in rates
    )
    W = 0.01 * make_stream(0, "init.W").standard_normal((X.shape[1], N_CLASSES))
    return SoftmaxProblem(
        recipes,
        X,
        y,
        order=order_rows(n_rows, 0, 1),
        W=W.astype(np.float32),
        b=np.zeros(N_CLASSES, np.float32),
        learning_rate=rates.astype(np.float32),
        batch_size=batch_size,
    )


def has_fashion_mnist() -> bool:
    """Say whether Fashion-MNIST is on this machine; the benchmarks download nothing."""
    return find("fashion_mnist") is not None


def _load_pixels(n_rows: int) -> tuple[np.ndarray, np.ndarray]:
    if has_fashion_mnist():
        dataset = load_dataset(FashionMnistTask(kind="fashion_mnist"), 0)
        return dataset.X[:n_rows], dataset.y[:n_rows]
    stream = make_stream(0, "bench.pixels")
    X = stream.integers(0, 256, (n_rows, N_FEATURES), dtype=np.uint8)
    return X, stream.integers(0, N_CLASSES, n_rows, dtype=np.int32)
