"""Plain graphs in the place of compiled programs, where what is tested lies behind training."""

import contextlib
import sys
from collections.abc import Iterator

import pytest

from fairtrial.training import programs

# Test files and folders whose subject is the programs themselves, or what a user's process does.
COMPILED = (
    "benchmarks", "golden", "kinds/inits", "kinds/losses", "kinds/mechanism/test_check.py",
    "kinds/metrics", "kinds/optimizers", "kinds/test_keras.py", "laws", "training",
    "running/test_cluster.py", "running/test_execute.py", "running/test_verify.py",
)  # fmt: skip
HAS_XLA = programs.has_xla
# The modules that keep the programs which they made.
MAKERS = ("fairtrial.training.stacked", "fairtrial.training.epoch")


@contextlib.contextmanager
def plain_graphs() -> Iterator[None]:
    """Train without XLA: compiling takes seconds, and the steps of a test hardly any time.

    Nor is time spent on graphs that would then run faster.
    """
    from fairtrial.training.graph import keep_operations  # TensorFlow, which not all tests need.

    with pytest.MonkeyPatch.context() as patch, keep_operations():
        patch.setattr(programs, "has_xla", lambda: False)
        forget_programs()
        yield
    forget_programs()


@contextlib.contextmanager
def compiled_programs() -> Iterator[None]:
    """Train with XLA among tests that do without it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(programs, "has_xla", HAS_XLA)
        forget_programs()
        yield
    forget_programs()


def forget_programs() -> None:
    """Let the next stack make its programs again."""
    for module in MAKERS:
        for name, maker in vars(sys.modules.get(module, object)).items():
            if name.startswith("compile_") and hasattr(maker, "cache_clear"):
                maker.cache_clear()
