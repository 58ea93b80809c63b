"""Plain graphs in the place of compiled programs, where what is tested lies behind training."""

import contextlib
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from types import ModuleType

import pytest

from fairtrial.training import programs

# Test files and folders whose subject is the programs themselves, or what a user's process does.
COMPILED = (
    "benchmarks", "golden", "kinds/losses", "kinds/mechanism/test_check.py", "kinds/metrics",
    "kinds/optimizers", "kinds/test_keras.py", "laws", "running/test_cluster.py",
    "running/test_verify.py", "training/test_batches.py", "training/test_eager.py",
    "training/test_graph.py", "training/test_model.py", "training/test_noise.py",
    "training/test_program", "training/test_stacked.py", "training/test_xla.py",
)  # fmt: skip
HAS_XLA = programs.has_xla

# Functions that keep the programs which they make, each with its module and name.
Makers = list[tuple[ModuleType, str, Callable]]


@cache
def _list_makers() -> tuple[Makers, Makers]:
    """List the functions that make programs, and the same again for plain graphs.

    Both caches stay, in whatever order the tests run.
    """
    from fairtrial.training import epoch, stacked  # TensorFlow, which not all tests need.

    compiled = [
        (module, name, maker)
        for module in (stacked, epoch)
        for name, maker in vars(module).items()
        if name.startswith("compile_") and hasattr(maker, "cache_parameters")
    ]
    assert compiled, "The functions that make programs have other names now."
    plain = [
        (module, name, lru_cache(**maker.cache_parameters())(maker.__wrapped__))
        for module, name, maker in compiled
    ]
    return compiled, plain


@contextlib.contextmanager
def plain_graphs() -> Iterator[None]:
    """Train without XLA: compiling takes seconds, and the steps of a test hardly any time.

    Nor is time spent on graphs that would then run faster.
    """
    from fairtrial.training.eager import keep_operations

    with keep_operations(), _make_programs(lambda: False, _list_makers()[1]):
        yield


def compiled_programs() -> contextlib.AbstractContextManager[None]:
    """Train with XLA among tests that do without it."""
    return _make_programs(HAS_XLA, _list_makers()[0])


@contextlib.contextmanager
def _make_programs(has_xla: Callable[[], bool], makers: Makers) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(programs, "has_xla", has_xla)
        for maker in makers:
            patch.setattr(*maker)
        yield
