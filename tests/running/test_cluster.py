"""A Dask cluster gives the same tables, whatever happens to its workers."""

import contextlib
import importlib.metadata
import json
import os
import pickle
import signal
import subprocess
import sys
import time

import dask
import polars as pl
import psutil
import pytest
from dask.distributed import Client, LocalCluster

import fairtrial as ft
from fairtrial.errors import InputError, MachineError
from fairtrial.results.store import CURVES, PARAMETERS, RUNS
from fairtrial.running import cluster
from fairtrial.running.cluster import Cluster, connect, pack, start_workers
from fairtrial.running.execute import Setup
from fairtrial.running.plan import plan_stacks
from fairtrial.study import Study

# Many stacks of one run each, long enough that a worker can die of a sudden.
STUDY = Study.from_toml("""
name = "Tiny"
seeds = 6
task = { kind = "line", rows = 2000, test_rows = 20 }
recipe = { loss = "mse", optimizer = "sgd", steps = 3000 }
vary = { loss = ["mse", "huber"] }
""")


@pytest.fixture(scope="module", autouse=True)
def patience():
    """Schedulers and workers come and answer, however slow the machine is."""
    timeouts = dict.fromkeys(["connect", "tcp"], "600s")
    with (
        pytest.MonkeyPatch.context() as patch,
        dask.config.set({"distributed.comm.timeouts": timeouts}),
    ):
        patch.setattr(cluster, "SECONDS_TO_CONNECT", 600)
        patch.setattr(cluster, "SECONDS_WITHOUT_WORKERS", 600)
        yield


@pytest.fixture(scope="module")
def shared(patience):
    """A worker for all tests of this file, since it loads TensorFlow."""
    with start_workers(1) as engine:
        yield engine


@pytest.fixture
def one_worker(shared):
    """It is there, also where the test before has killed it."""
    shared._client.wait_for_workers(1, timeout=600)
    return shared


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    folder = tmp_path_factory.mktemp("here")
    Setup(memory=1).run_missing(STUDY, folder)
    return folder


def assert_same_tables(one, other):
    for name in (CURVES, PARAMETERS):
        assert (one / name).read_bytes() == (other / name).read_bytes()
    first, second = (pl.read_parquet(folder / RUNS).drop("seconds") for folder in (one, other))
    assert first.equals(second)


@pytest.mark.long
def test_two_workers_one_of_them_killed(here, tmp_path):
    """The first finished stack is the moment at which a worker is killed."""
    killed = []

    def kill_one(status):
        if status.stacks_done == 1 and not killed:
            workers = [
                child
                for child in psutil.Process().children(recursive=True)
                if "spawn_main" in " ".join(child.cmdline())
            ]
            killed.append(workers[0].pid)
            os.kill(workers[0].pid, signal.SIGKILL)

    with start_workers(2) as engine:
        assert engine.n_at_once >= 1
        Setup(progress=kill_one, memory=1, engine=engine).run_missing(STUDY, tmp_path)
    assert len(killed) == 1
    assert_same_tables(here, tmp_path)


def connect_to(engine):
    """Connect once more to the cluster of an engine, by its address."""
    return connect(engine._client.cluster.scheduler_address)


def test_a_cluster_by_its_address(here, one_worker, tmp_path):
    with connect_to(one_worker) as engine:
        Setup(memory=1, engine=engine).run_missing(STUDY, tmp_path)
    assert_same_tables(here, tmp_path)


def test_a_cluster_goes_on_where_this_machine_ended(here, one_worker, tmp_path):
    """Parts are the same, whoever made them."""
    Setup(memory=1).run_missing(STUDY.replace(seeds=4), tmp_path)
    told = []
    Setup(note=told.append, engine=one_worker).run_missing(STUDY, tmp_path)
    assert "8 of 12 runs are there" in told[0]
    first, second = (pl.read_parquet(folder / RUNS).drop("seconds") for folder in (here, tmp_path))
    assert first.equals(second)


@pytest.mark.parametrize("name", ["start_workers", "connect"])
def test_workers_without_dask_are_refused(monkeypatch, name):
    monkeypatch.delitem(sys.modules, "fairtrial.running.cluster")
    monkeypatch.delattr("fairtrial.running.cluster")
    monkeypatch.setitem(sys.modules, "dask.distributed", None)
    with pytest.raises(InputError, match=r"need Dask, which is not installed: pip install '"):
        getattr(ft, name)


def test_a_scheduler_that_does_not_answer(monkeypatch):
    monkeypatch.setattr(cluster, "SECONDS_TO_CONNECT", 1)
    with pytest.raises(MachineError, match="does not answer"), connect("tcp://127.0.0.1:9"):
        pass


def test_a_cluster_without_workers(monkeypatch):
    monkeypatch.setattr(cluster, "SECONDS_TO_CONNECT", 1)
    with (
        LocalCluster(n_workers=0, dashboard_address=None, processes=False) as empty,
        Client(empty) as client,
        pytest.raises(MachineError, match="has had no workers"),
    ):
        Cluster(client)


def test_a_task_is_a_few_kilobytes():
    rates = {"optimizer.learning_rate": [0.0001 * number for number in range(1, 65)]}
    (plan,) = plan_stacks(STUDY.replace(vary=rates, seeds=2).list_runs())
    assert plan.n_runs == 128
    assert len(pack(plan)) < 5_000 < len(pickle.dumps(plan))


def read_address(file, scheduler):
    """Wait for the scheduler to write where it is."""
    while scheduler.poll() is None:
        with contextlib.suppress(OSError, ValueError):
            return json.loads(file.read_text())["address"]
        time.sleep(0.05)
    pytest.fail("The scheduler did not start.")


def test_a_scheduler_that_dies_is_told(tmp_path, monkeypatch):
    """A scheduler and a worker in processes of their own; the scheduler is killed."""
    address = tmp_path / "scheduler.json"
    begin = lambda *words: subprocess.Popen(  # noqa: E731
        [sys.executable, "-m", "dask", *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    file = ["--scheduler-file", str(address), "--no-dashboard"]
    scheduler = begin("scheduler", "--host", "127.0.0.1", "--port", "0", *file)
    worker = begin("worker", "--no-nanny", "--nthreads", "1", "--death-timeout", "600", *file)

    def kill(status):
        if status.stacks_done == 1:
            # For so long Dask tries to reach the one that is dead.
            monkeypatch.setattr(engine._client, "_timeout", 1)
            scheduler.kill()

    try:
        with (
            pytest.raises(MachineError, match="The scheduler is gone"),
            connect(read_address(address, scheduler)) as engine,
        ):
            try:
                Setup(progress=kill, memory=1, engine=engine).run_missing(STUDY, tmp_path / "out")
            finally:
                monkeypatch.undo()  # Closing takes as long as it takes.
    finally:
        scheduler.kill(), worker.kill()
    assert list(tmp_path.glob("out/parts/*.parquet"))


@pytest.mark.parametrize("n_forgiven", [0, pytest.param(3, marks=pytest.mark.long)])
def test_a_stack_that_kills_its_workers_is_told(one_worker, tmp_path, monkeypatch, n_forgiven):
    """Dask forgives a task three dead workers, here also none; the other stacks are kept."""

    def kill_the_worker(packed):  # In here, so that workers need not find this module.
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(cluster, "train_packed", kill_the_worker)
    scheduler = one_worker._client.cluster.scheduler
    assert scheduler.allowed_failures == 3
    monkeypatch.setattr(scheduler, "allowed_failures", n_forgiven)
    with pytest.raises(MachineError, match="Worker after worker died"):
        Setup(engine=one_worker).run_missing(STUDY.replace(seeds=1, vary={}), tmp_path)


def test_a_cluster_that_loses_all_workers_is_told(one_worker, tmp_path, monkeypatch):
    """The last test that uses the shared worker."""
    local = one_worker._client.cluster
    with (
        connect_to(one_worker) as engine,
        pytest.raises(MachineError, match="has lost all its workers"),
    ):
        monkeypatch.setattr(cluster, "SECONDS_WITHOUT_WORKERS", 1)
        Setup(progress=lambda status: local.scale(0), memory=1, engine=engine).run_missing(
            STUDY, tmp_path
        )


def test_workers_without_fairtrial_are_told(monkeypatch):
    def refuse(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(cluster.importlib.metadata, "version", refuse)
    with (
        LocalCluster(n_workers=1, dashboard_address=None, processes=False) as running,
        Client(running) as client,
        pytest.raises(MachineError, match="do not have fairtrial"),
    ):
        Cluster(client)
