"""Plain graphs in the place of compiled programs, where what is tested lies behind training."""

import contextlib
import sys
from collections.abc import Callable, Iterator

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


_is_plain = False  # Whether the programs that are kept are plain graphs.


def keep_programs(is_plain: bool) -> None:
    """Keep the programs that there are, unless the next ones are to be made in the other way."""
    global _is_plain
    if is_plain != _is_plain:
        for module in MAKERS:
            for name, maker in vars(sys.modules.get(module, object)).items():
                if name.startswith("compile_") and hasattr(maker, "cache_clear"):
                    maker.cache_clear()
    _is_plain = is_plain


@contextlib.contextmanager
def plain_graphs() -> Iterator[None]:
    """Train without XLA: compiling takes seconds, and the steps of a test hardly any time.

    Nor is time spent on graphs that would then run faster.
    """
    from fairtrial.training.eager import keep_operations  # TensorFlow, which not all tests need.

    with keep_operations(), _make_programs(lambda: False, is_plain=True):
        yield


def compiled_programs() -> contextlib.AbstractContextManager[None]:
    """Train with XLA among tests that do without it."""
    return _make_programs(HAS_XLA, is_plain=False)


@contextlib.contextmanager
def _make_programs(has_xla: Callable[[], bool], is_plain: bool) -> Iterator[None]:
    before = _is_plain
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(programs, "has_xla", has_xla)
            keep_programs(is_plain)
            yield
    finally:
        keep_programs(before)
