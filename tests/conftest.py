"""What tests of several folders share."""

import contextlib
import gc
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import HealthCheck, settings

from compiling import COMPILED, compiled_programs, plain_graphs
from fairtrial.optimum import find_optimum
from small_lab import answer_line, make_lab

# How fast the machine is decides nothing: neither how long an example takes to make or to hold, nor
# whether a minimum is found within the seconds that users are asked to wait.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")

# Python looks for garbage in what all tests have imported, again and again, for a tenth of the
# time. Here it looks seldom, and not at what stays to the end (`pytest_collection_finish`).
gc.set_threshold(50_000, 20, 20)

# They are run first, so that no process is left with one of them when the others have ended.
LONGEST_FILES = (
    "browser/test_open_page.py", "running/test_cluster.py", "training/test_batches.py",
    "laws/test_stacked_laws.py", "faults/test_processes.py", "training/test_programs.py",
    "cli/test_main.py", "training/test_stacked.py", "laws/test_kind_laws.py",
    "evidence/test_judge.py", "evidence/test_design.py", "evidence/test_level.py",
    "kinds/test_keras.py", "training/test_eager.py", "tests/test_imports.py",
    "plots/test_plots.py",
    "browser/test_working.py", "features/test_features.py", "browser/test_reading.py",
    "tests/test_every_task.py", "training/test_monitors.py", "faults/test_killed.py",
    "running/test_resume.py", "export/test_formats.py", "training/test_noise.py",
    "running/test_execute.py", "running/test_table_runs.py", "running/test_features.py",
    "training/test_graph.py", "results/test_scoring.py", "laws/test_study_laws.py",
    "lab/test_run.py",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first, in this order."""
    places = {name: place for place, name in enumerate(LONGEST_FILES)}
    items.sort(key=lambda item: places.get("/".join(item.path.parts[-2:]), len(places)))


def pytest_collection_finish() -> None:
    """What has been imported by now stays to the end."""
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def all_the_time_there_is():
    """Minima are looked for as long as that takes, unless a test names a budget."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(find_optimum, "__defaults__", (1e6,))
        yield


@pytest.fixture(scope="session", autouse=True)
def files_that_the_system_keeps():
    """Tests do not wait for the disk: none needs its files after a crash of the machine.

    New Python processes that a test starts do wait.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(scope="module", autouse=True)
def plain_graphs_where_programs_are_not_tested(request):
    """Whoever judges, draws or writes what was trained needs no compiled program."""
    place = str(request.path.relative_to(Path(__file__).parent))
    with contextlib.nullcontext() if place.startswith(COMPILED) else plain_graphs():
        yield


@pytest.fixture
def plain():
    """Plain graphs for a test of a file whose other tests compile."""
    with plain_graphs():
        yield


@pytest.fixture
def compiled():
    """Compiled programs for a test of a file whose other tests do without."""
    with compiled_programs():
        yield


@pytest.fixture(scope="session", autouse=True)
def ctrl_c_is_heard():
    """Also where the tests run in the background, which a shell starts with Ctrl-C ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


Share = Callable[[str, Callable[[Path], object]], Path]


@pytest.fixture(scope="session")
def share(tmp_path_factory) -> Share:
    """Has a folder made once for all processes; a test that changes it takes a copy."""
    place = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        place = place.parent

    def make_once(name: str, make: Callable[[Path], object]) -> Path:
        folder, made = place / f"shared-{name}", place / f"shared-{name}.made"
        with FileLock(f"{folder}.lock"):
            if not made.exists():
                with plain_graphs():
                    make(folder)
                made.touch()
        return folder

    return make_once


@pytest.fixture(scope="session")
def lab(share) -> Path:
    """A small lab of three seeds, on the digits."""
    note = "Fashion-MNIST could not be downloaded."
    return share("lab", lambda folder: make_lab(folder, 3, note))


@pytest.fixture(scope="session")
def lab_of_one(share) -> Path:
    """A small lab of a single seed."""
    return share("lab_of_one", lambda folder: make_lab(folder, 1))


@pytest.fixture(scope="session")
def hostile_lab(share) -> Path:
    """A small lab whose names mean harm."""
    return share("hostile_lab", lambda folder: make_lab(folder, 2, hostile=True))


@pytest.fixture(scope="session")
def line_of_five(share) -> Path:
    """The lab's first study alone, of five seeds."""
    return share("line_of_five", lambda folder: answer_line(folder, 5))
