"""Plain graphs in the place of compiled programs, where what is tested lies behind training."""

import contextlib
import sys
from collections.abc import Iterator

import pytest

from fairtrial.training import programs

# Test files and folders whose subject is the programs themselves, or what a user's process does.
COMPILED = (
    "benchmarks", "cli", "golden", "kinds", "laws", "training", "running/test_batches.py",
    "running/test_cluster.py", "running/test_execute.py", "running/test_features.py",
    "running/test_table_runs.py", "running/test_verify.py", "test_every_task.py",
    "test_examples.py",
)  # fmt: skip
# The modules that keep the programs which they made.
MAKERS = ("fairtrial.training.stacked", "fairtrial.training.epoch")


@contextlib.contextmanager
def plain_graphs() -> Iterator[None]:
    """Train without XLA: compiling takes seconds, and the steps of a test hardly any time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(programs, "has_xla", lambda: False)
        forget_programs()
        yield
    forget_programs()


def forget_programs() -> None:
    """Let the next stack make its programs again."""
    for module in MAKERS:
        for name, maker in vars(sys.modules.get(module, object)).items():
            if name.startswith("compile_") and hasattr(maker, "cache_clear"):
                maker.cache_clear()
