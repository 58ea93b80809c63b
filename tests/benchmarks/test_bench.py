import contextlib
import inspect
import io
import json
import math
from dataclasses import fields, replace
from importlib import import_module
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from benchmarks.peers import __main__ as command
from benchmarks.peers import growth, measure, problems, workloads
from benchmarks.peers.measure import Measurement, System, measure_systems
from benchmarks.peers.process import Call
from commands import run
from fairtrial.errors import InputError
from fake_systems import fake

ROOT = Path(__file__).parents[2]
TINY = workloads.Sizes(
    line_rows=40,
    line_steps=6,
    line_seeds=2,
    line_steps_timed=3,
    rows=256,
    lanes=4,
    lanes_apart=2,
    batches_timed=1,
    growth_lanes=(1,),
    products=((8, 4, 2),),
    product_runs=2,
)
NOTHING = Call("builtins:int")


def ignore(_):
    pass


def list_all_systems():
    listed = [(name, system) for name in workloads.WORKLOADS for system in list_systems(name)]
    growing = growth.list_growth(TINY.growth_lanes, TINY.rows, workloads.BATCH_SIZE)
    products = growth.list_products(TINY.products, TINY.product_runs)
    return [*listed, *(("growth", system) for system in (*growing, *products))]


def list_systems(name):
    return workloads.WORKLOADS[name](TINY)


# --- Systems, in this process --------------------------------------------------------------------


@pytest.mark.parametrize(
    "system",
    [pytest.param(system, id=f"{name}: {system.name}") for name, system in list_all_systems()],
)
def test_calls_of_every_system_fit_their_functions(system):
    for call, arguments in ((system.problem, []), (system.prepare, ["problem"])):
        module, name = call.function.split(":")
        function = getattr(import_module(module), name)
        inspect.signature(function).bind(*arguments, **json.loads(json.dumps(call.settings)))


def test_fairtrial_is_in_every_workload_and_names_are_unique():
    for name in workloads.WORKLOADS:
        names = [system.name for system in list_systems(name)]
        assert {"eager", "fairtrial"} <= set(names)
        assert len(set(names)) == len(names)


def test_command_peers_and_problems_load_without_tensorflow():
    code = """
import sys
from benchmarks.peers import __main__, jax_lanes, problems, process, pytorch
problems.make_line_problem(1, 9, 2), problems.make_softmax_problem(1, 32, 32)
assert "tensorflow" not in sys.modules
"""
    done = run("-c", code, cwd=ROOT)
    assert done.returncode == 0, done.stderr


def test_random_pixels_replace_fashion_mnist_if_it_is_not_there(monkeypatch):
    for module in (problems, workloads):
        monkeypatch.setattr(module, "has_fashion_mnist", lambda: False)
    assert problems.make_softmax_problem(1, 100, 32).X.shape == (96, 784)
    monkeypatch.setitem(workloads.WORKLOADS, "softmax", lambda sizes: [])
    notes = []
    workloads.run_bench("softmax", TINY, 1, ignore, notes.append)
    assert "Random pixels" in notes[0]


# --- Processes, with systems that train nothing --------------------------------------------------


@pytest.fixture
def log(tmp_path):
    return tmp_path / "log"


@pytest.fixture
def logged(log):
    """Makes systems that write a line for each run."""
    return lambda name: fake(name, "prepare_log", text=name, file=str(log))


def test_systems_take_turns_each_in_its_process(logged, log):
    shown = []
    rows = measure_systems("w", [logged("a"), logged("b")], 3, shown.append)
    lines = [line.split() for line in log.read_text().splitlines()]
    assert "".join(name for name, _ in lines) == "abababab"
    assert len({tuple(line) for line in lines}) == len({process for _, process in lines}) == 2
    assert [(row.system, row.lanes, row.failure) for row in rows] == [
        ("a", 2, None),
        ("b", 2, None),
    ]
    assert all(row.seconds_per_lane == row.seconds / 2 for row in rows)
    assert all(row.fastest <= row.seconds <= row.slowest for row in rows)
    assert [status.what for status in shown[:3]] == ["w: a, warming up", "w: b, warming up",
                                                     "w: a, 1 of 3"]  # fmt: skip
    assert [status.share for status in shown] == [number / 8 for number in range(8)]


def test_a_system_may_run_several_times_in_a_turn(logged, log):
    measure_systems("w", [replace(logged("a"), runs_per_turn=5)], 2, ignore)
    assert len(log.read_text().splitlines()) == 1 + 2 * 5


@pytest.mark.parametrize(
    ("prepare", "settings", "expected"),
    [
        ("prepare_crash", {"good_runs": 0}, "signal 11 (Segmentation fault)"),
        ("prepare_crash", {"good_runs": 2}, "signal 11 (Segmentation fault)"),
        ("prepare_exit", {"code": 7}, "exit code 7"),
        ("prepare_exit", {"code": 0}, "exit code 0"),
        ("prepare_error", {}, "exit code 1. Its last line was: ValueError: no such device"),
    ],
)
def test_a_system_that_dies_is_a_row_and_the_others_are_measured(
    prepare, settings, expected, logged, log
):
    systems = [logged("eager"), fake("bad", prepare, **settings), logged("after")]
    eager, bad, after = measure_systems("w", systems, 3, ignore)
    assert (bad.system, bad.seconds, bad.ratio_to_eager) == ("bad", None, None)
    assert expected in bad.failure
    assert eager.failure is after.failure is None
    assert eager.ratio_to_eager == 1
    assert len(log.read_text().splitlines()) == 2 * 4


def test_without_eager_there_are_no_ratios(logged):
    systems = [fake("eager", "prepare_exit", code=1), logged("after")]
    rows = measure_systems("w", systems, 1, ignore)
    assert rows[0].failure and rows[1].seconds is not None
    assert [row.ratio_to_eager for row in rows] == [None, None]


def test_memory_is_that_of_the_process_alone_not_of_the_one_that_started_it(logged):
    ballast = bytearray(b"x") * (1 << 30)
    (row,) = measure_systems("w", [logged("a")], 1, ignore)
    assert 10**6 < row.peak_memory_bytes < len(ballast)


def test_a_system_that_is_not_installed_is_left_out_and_named(monkeypatch, logged):
    absent = fake("absent", "prepare_exit", package="no_such_package", code=1)
    monkeypatch.setitem(workloads.WORKLOADS, "line", lambda sizes: [absent, logged("there")])
    notes = []
    rows = workloads.run_bench("line", TINY, 1, ignore, notes.append)
    assert [row.system for row in rows] == ["there"]
    assert notes == [
        "no_such_package is not installed, so it is not measured. To install it: make bench-peers"
    ]


def test_installed_is_found_out_without_loading():
    assert measure.is_installed(System("x", 1, NOTHING, NOTHING, package="json"))
    assert not measure.is_installed(System("x", 1, NOTHING, NOTHING, package="no_such_thing"))


def test_an_unknown_workload_is_refused_with_those_there_are():
    with pytest.raises(InputError, match="softmax-batch-32"):
        workloads.run_bench("no-such", TINY, 1, ignore, ignore)


# --- The command ---------------------------------------------------------------------------------


def call(*arguments):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert command.main(arguments) == 0
    return out.getvalue()


@pytest.fixture
def one_dies(monkeypatch, logged):
    """The line's systems: one that can be measured, and one that cannot."""
    systems = [logged("good"), fake("bad", "prepare_crash", good_runs=1)]
    monkeypatch.setitem(workloads.WORKLOADS, "line", lambda sizes: systems)


def test_command_prints_a_table_with_failures(one_dies):
    head, good, bad = call("--only", "line", "--quick").splitlines()
    assert head.split("\t")[:3] == ["workload", "system", "lanes"]
    assert head.split("\t")[-1] == "failure"
    assert good.startswith("line\tgood\t2\t")
    assert bad.endswith("\tThe process was ended by signal 11 (Segmentation fault).")


def test_command_writes_json_to_a_file_or_prints_it(one_dies, tmp_path):
    assert call("--only", "line", "--repeats", "2", "--json", str(tmp_path / "speed.json"))
    written = json.loads((tmp_path / "speed.json").read_text(encoding="utf-8"))
    printed = json.loads(call("--only", "line", "--quick", "--json", "-"))
    keys = [field.name for field in fields(Measurement)]
    for rows in (written, printed):
        assert all(list(row) == keys for row in rows)
        assert [(row["system"], bool(row["failure"])) for row in rows] == [
            ("good", False),
            ("bad", True),
        ]


@pytest.mark.parametrize("options", [["--only", "no-such"], ["--repeats", "0"]])
def test_command_refuses_wrong_options(options, capsys):
    with pytest.raises(SystemExit) as end:
        command.main(options)
    assert end.value.code == 2
    assert options[1] in capsys.readouterr().err


def test_peers_are_pinned_by_name_and_version_only():
    lines = (ROOT / "benchmarks" / "constraints.txt").read_text().splitlines()
    pins = [Requirement(line) for line in lines]
    assert [f"{pin.name}{pin.specifier}" for pin in pins] == lines
    assert {"jax", "torch"} <= {pin.name for pin in pins}
    own = {Requirement(line).name for line in (ROOT / "constraints.txt").read_text().split("\n")
           if line}  # fmt: skip
    assert not own & {pin.name for pin in pins}


# --- Real systems, in processes ------------------------------------------------------------------


def check(rows):
    for row in rows:
        assert row.failure is None
        assert math.isfinite(row.seconds) and row.seconds > 0
        assert row.peak_memory_bytes > 10**7
        assert 0 < row.share_timed <= 1
        if row.lanes is not None:
            assert row.seconds_per_lane == pytest.approx(row.seconds / row.lanes)


@pytest.mark.long
def test_growth_says_memory_and_share_of_the_best_matrix_product(monkeypatch):
    monkeypatch.setattr(growth, "LIBRARIES", {"NumPy": "numpy", "also NumPy": "numpy"})
    rows = workloads.run_bench("growth", TINY, 1, ignore, ignore)
    check(rows)
    *peaks, row = rows
    assert [peak.workload for peak in peaks] == ["peak", "peak"] and row.workload == "growth"
    for peak in peaks:
        assert peak.gflops == pytest.approx(2e-9 * 8 * 4 * 2 / peak.fastest)
    best = max(peak.gflops for peak in peaks)
    assert max(peak.share_of_peak for peak in peaks) == 1
    assert row.share_of_peak == pytest.approx(row.gflops / best)
    assert row.gflops == pytest.approx(4e-9 * 256 * 784 * 10 / row.seconds)


@pytest.mark.long
def test_all_workloads_give_rows_with_ratios_to_their_eager_loop():
    rows = workloads.run_bench(None, TINY, 1, ignore, ignore)
    check(rows)
    own = [row.workload for row in rows if row.system == "fairtrial"]
    assert tuple(own) == workloads.NAMES
    for row in rows:
        if row.workload in ("peak", "growth"):
            assert row.ratio_to_eager is None
            continue
        (eager,) = [
            other.seconds_per_lane
            for other in rows
            if (other.workload, other.system) == (row.workload, "eager")
        ]
        assert row.ratio_to_eager == pytest.approx(eager / row.seconds_per_lane)
