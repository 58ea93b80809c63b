"""PyTorch in the benchmarks: a plain loop, and lanes stacked by hand."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from benchmarks.peers.problems import BETA1, BETA2, EPSILON, SoftmaxProblem

Run = Callable[[], tuple[Any, Any]]


def prepare_loop(problem: SoftmaxProblem) -> Run:
    """Train the first lane for one epoch, eagerly, with `torch.optim.Adam`; (D, K) and (K,).

    The pixels are floats before the timing, and the rows of the epoch are put in order at once.
    """
    torch: Any = import_module("torch")
    X, y, order = _load(torch, problem)
    size, rate = problem.batch_size, float(problem.learning_rate[0])

    def run() -> tuple[Any, Any]:
        W = torch.tensor(problem.W, requires_grad=True)
        b = torch.tensor(problem.b, requires_grad=True)
        optimizer = torch.optim.Adam([W, b], lr=rate, betas=(BETA1, BETA2), eps=EPSILON)
        epoch_X, epoch_y = X[order], y[order]
        for first in range(0, len(epoch_y), size):
            logits = epoch_X[first : first + size] @ W + b
            loss = torch.nn.functional.cross_entropy(logits, epoch_y[first : first + size])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return W.detach().numpy(), b.detach().numpy()

    return run


def prepare_stacked(problem: SoftmaxProblem) -> Run:
    """Train all lanes for one epoch on shared batches, one wide product; (D, K, L) and (K, L)."""
    torch: Any = import_module("torch")
    X, y, order = _load(torch, problem)
    size, rates = problem.batch_size, torch.tensor(problem.learning_rate)
    (n_features, n_classes), n_lanes = problem.W.shape, len(rates)

    def run() -> tuple[Any, Any]:
        W = torch.tensor(np.repeat(problem.W[..., None], n_lanes, -1), requires_grad=True)
        b = torch.tensor(np.repeat(problem.b[..., None], n_lanes, -1), requires_grad=True)
        slots = [(value, torch.zeros_like(value), torch.zeros_like(value)) for value in (W, b)]
        epoch_X, epoch_y = X[order], y[order]
        for number in range(len(epoch_y) // size):
            rows = slice(number * size, (number + 1) * size)
            product = epoch_X[rows] @ W.view(n_features, -1)
            logits = product.view(size, n_classes, n_lanes) + b
            labels = epoch_y[rows, None, None].expand(size, 1, n_lanes)
            loss = -torch.log_softmax(logits, 1).gather(1, labels).sum() / size
            gradients = torch.autograd.grad(loss, (W, b))
            count = number + 1
            scale = rates * ((1.0 - BETA2**count) ** 0.5 / (1.0 - BETA1**count))
            with torch.no_grad():
                for (value, first, second), gradient in zip(slots, gradients, strict=True):
                    first.lerp_(gradient, 1.0 - BETA1)
                    second.mul_(BETA2).addcmul_(gradient, gradient, value=1.0 - BETA2)
                    value.sub_((second.sqrt().add_(EPSILON)).reciprocal_().mul_(first).mul_(scale))
        return W.detach().numpy(), b.detach().numpy()

    return run


def _load(torch: Any, problem: SoftmaxProblem) -> tuple[Any, Any, Any]:
    X = torch.tensor(problem.X.astype(np.float32) / problem.pixel_range)
    return X, torch.tensor(problem.y.astype(np.int64)), torch.tensor(problem.order)
