"""Loading TensorFlow, which takes seconds and talks: when it is needed, and not before."""

import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import CodeType, ModuleType

from fairtrial.errors import MachineError
from fairtrial.forks import refuse_fork

try:
    import resource
except ImportError:  # Windows has no such limits.
    resource = None

# Address space for a small study, measured with TensorFlow 2.21 on two cores: 3.0 GiB are too few.
LEAST_MEMORY = int(3.3 * 2**30)


class _DocumentedLoader(SourceFileLoader):
    """Compiles a module as if Python kept docstrings."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        return compile(self.get_data(path), path, "exec", dont_inherit=True, optimize=1)


class _DocumentedFinder(MetaPathFinder):
    """Finds the modules of some packages, and leaves all others to Python."""

    def __init__(self, packages: tuple[str, ...]):
        self._packages = packages

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] not in self._packages:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _DocumentedLoader(spec.loader.name, spec.loader.path)
        return spec


def keep_docstrings(*packages: str) -> None:
    """Let packages be imported with their docstrings under `python -OO`, which leaves them out.

    Altair copies docstrings from class to class while it is imported, and fails without them.
    Those of fairtrial are the help of the commands and the descriptions in the JSON Schema.
    """
    sys.meta_path.insert(0, _DocumentedFinder(packages))


def find_version(package: str) -> str:
    """Find the version of an installed package; "absent" where there is none."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


def open_closed_streams() -> None:
    """Open the null device in the place of an input, output or error stream that is closed.

    The next file would take its number, and libraries would write their messages into that file.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # It takes the lowest number that is free.


def refuse_small_limit() -> None:
    """Refuse a limit on memory under which TensorFlow ends the process without a sentence.

    It is a `MachineError` if the address space does not hold TensorFlow, XLA and their threads.
    """
    if resource is None:
        return
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if 0 <= limit < LEAST_MEMORY:  # Negative: no limit.
        raise MachineError(
            f"This process may use {limit / 2**30:.2g} GiB of memory (ulimit -v), and TensorFlow "
            f"needs {LEAST_MEMORY / 2**30:.2g} GiB to start: raise the limit."
        )


def load_tensorflow(own_process: bool = False) -> None:
    """Load TensorFlow without the lines that it writes to the terminal before anyone can ask.

    With `own_process` nobody else uses TensorFlow in this process. Then it is kept from importing
    Keras, which takes a second more and is never used here, and from advice on tracing: each shape
    of stack is traced once, on purpose. Errors are those of `refuse_fork` and `refuse_small_limit`.
    """
    refuse_fork()
    if "tensorflow" in sys.modules:
        return
    refuse_small_limit()
    if own_process:
        sys.modules.setdefault("keras", None)  # pyright: ignore[reportArgumentType]
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    open_closed_streams()
    if sys.stderr is not None:
        sys.stderr.flush()
    kept = os.dup(2)
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
        try:
            import tensorflow as tf
        finally:
            os.dup2(kept, 2)
            os.close(kept)
    if own_process:
        tf.get_logger().setLevel("ERROR")
