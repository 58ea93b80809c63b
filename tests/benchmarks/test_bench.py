import json
import math
import subprocess
import sys
from dataclasses import fields

import pytest
from benchmarks.peers import measure, workloads
from benchmarks.peers.measure import Measurement, System

from fairtrial.cli import app
from fairtrial.errors import InputError

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
)


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    monkeypatch.setattr(workloads, "QUICK", TINY)


def call(*arguments):
    from typer.testing import CliRunner

    return CliRunner().invoke(app, ["bench", "--quick", *arguments])


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    path = tmp_path_factory.mktemp("bench") / "speed.json"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workloads, "QUICK", TINY)
        done = call("--json", str(path))
    assert done.exit_code == 0, done.output
    return json.loads(path.read_text(encoding="utf-8"))


def test_every_row_has_the_same_keys(rows):
    keys = [field.name for field in fields(Measurement)]
    assert all(list(row) == keys for row in rows)


def test_every_workload_is_there_with_fairtrial_in_it(rows):
    own = [row["workload"] for row in rows if row["system"] == "fairtrial"]
    assert tuple(own) == workloads.NAMES
    assert {row["workload"] for row in rows} == {*workloads.NAMES, "peak"}


def test_numbers_are_finite_and_positive(rows):
    for row in rows:
        assert math.isfinite(row["seconds"]) and row["seconds"] > 0
        assert row["compile_seconds"] >= 0
        assert 0 < row["share_timed"] <= 1
        if row["workload"] != "peak":
            assert row["lanes"] >= 1
            assert row["seconds_per_lane"] == pytest.approx(row["seconds"] / row["lanes"])


def test_ratios_are_to_the_eager_loop_of_the_same_workload(rows):
    for row in rows:
        if row["workload"] in ("peak", "growth"):
            assert row["ratio_to_eager"] is None
            continue
        (eager,) = [
            other["seconds_per_lane"]
            for other in rows
            if (other["workload"], other["system"]) == (row["workload"], "eager")
        ]
        assert row["ratio_to_eager"] == pytest.approx(eager / row["seconds_per_lane"])


def test_growth_says_memory_and_share_of_the_best_matrix_product(rows):
    peaks = [row for row in rows if row["workload"] == "peak"]
    (growth,) = [row for row in rows if row["workload"] == "growth"]
    best = max(row["gflops"] for row in peaks)
    assert max(row["share_of_peak"] for row in peaks) == 1
    assert growth["share_of_peak"] == pytest.approx(growth["gflops"] / best)
    assert growth["gflops"] == pytest.approx(4e-9 * 256 * 784 * 10 / growth["seconds"])
    assert growth["peak_memory_bytes"] > 10**7


def test_memory_is_that_of_the_process_alone_not_of_the_one_that_started_it():
    ballast = bytearray(b"x") * (1 << 30)
    code = "from benchmarks.peers.growth import read_peak_memory as peak; print(peak())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 10**6 < int(done.stdout) < len(ballast)


def test_a_system_that_is_not_installed_is_left_out_and_named(monkeypatch):
    monkeypatch.setattr(workloads, "is_installed", lambda system: system.package == "tensorflow")
    told = []
    rows = workloads.run_bench("softmax-3-lanes", TINY, 1, told.append)
    assert [row.system for row in rows] == [
        "eager", "fairtrial", "fairtrial, a stack for each processor",
    ]  # fmt: skip
    assert any("jax is not installed" in line and "fairtrial[bench]" in line for line in told)


def test_installed_is_found_out_without_loading():
    assert measure.is_installed(System("x", 1, lambda: lambda: None, package="json"))
    assert not measure.is_installed(System("x", 1, lambda: lambda: None, package="no_such_thing"))


def test_an_unknown_workload_is_refused_with_those_there_are():
    with pytest.raises(InputError, match="softmax-batch-32"):
        workloads.run_bench("no-such", TINY, 1, lambda line: None)


def test_random_pixels_stand_in_where_fashion_mnist_is_not_there(monkeypatch):
    from benchmarks.peers import problems

    for module in (problems, workloads):
        monkeypatch.setattr(module, "has_fashion_mnist", lambda: False)
    told = []
    rows = workloads.run_bench("softmax-3-lanes", TINY, 1, told.append)
    assert rows and "random pixels" in told[0]


def test_a_table_in_a_pipe_and_json_on_request(tmp_path):
    table = call("--only", "line").stdout.splitlines()
    assert table[0].split("\t")[:3] == ["workload", "system", "lanes"]
    listed = json.loads(call("--only", "line", "--json", "-").stdout)
    assert [row["system"] for row in listed][-1] == "fairtrial"
    assert len(table) == len(listed) + 1


def test_systems_take_turns_and_the_median_counts(monkeypatch):
    order, clock = [], iter(range(10**6))
    monkeypatch.setattr(measure.time, "perf_counter", lambda: float(next(clock)))
    systems = [System(name, 2, lambda name=name: lambda: order.append(name)) for name in "ab"]
    rows = measure.measure_systems("w", systems, 3, lambda what: None)
    assert order == list("abababab")
    assert [(row.seconds, row.seconds_per_lane, row.compile_seconds) for row in rows] == [
        (1.0, 0.5, 0.0),
        (1.0, 0.5, 0.0),
    ]
