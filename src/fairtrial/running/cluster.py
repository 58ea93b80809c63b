"""The engine that trains on a Dask cluster, of this machine or of many."""

import contextlib
import importlib.metadata
import itertools
import logging
import pickle
import signal
import threading
import time
import zlib
from collections.abc import Generator, Iterator, Sequence
from importlib.metadata import version
from typing import Any

from joblib import cpu_count

from fairtrial.errors import InputError, MachineError, check_amount, show_object
from fairtrial.kinds.baselines.estimators import add_objects, list_objects
from fairtrial.kinds.mechanism.plugins import activate, find_functions, find_kinds, find_plugins
from fairtrial.loading import load_tensorflow
from fairtrial.results.saved_stacks import Part
from fairtrial.running.engine import StackProgress
from fairtrial.running.plan import StackPlan

try:
    import cloudpickle
    from dask.distributed import Client, Future, LocalCluster, Worker, WorkerPlugin
    from distributed.client import FutureCancelledError
    from distributed.scheduler import KilledWorker
except ImportError:
    raise InputError(
        "Workers and schedulers need Dask, which is not installed: pip install 'fairtrial[cluster]'"
    ) from None

# How long a scheduler may take to answer, and a cluster may be without workers.
SECONDS_TO_CONNECT = 30
SECONDS_WITHOUT_WORKERS = 60
GONE = (
    "The scheduler is gone. Stacks that have finished are kept: start it, then run the same "
    "command again."
)
UNPACKING = threading.Lock()


class Cluster:
    """Trains stacks on the workers of a Dask cluster, to which the client is connected.

    A task is the plan of a stack, a few kilobytes; workers load or draw its data themselves. The
    stacks of a worker that dies go to the others, as Dask has it. It is a `MachineError` if no
    worker comes within half a minute, or fairtrial is not installed where they are.
    """

    def __init__(self, client: Client):
        self._client, self._seen = client, time.monotonic()
        try:
            client.wait_for_workers(1, timeout=SECONDS_TO_CONNECT)
        except TimeoutError:
            raise MachineError(
                f"The cluster has had no workers for {SECONDS_TO_CONNECT} seconds: start some, "
                "then run the same command again."
            ) from None
        # Asked before anything of ours is sent: what a worker cannot load, it does not survive.
        answers: Any = client.run(importlib.metadata.version, "fairtrial", on_error="return")
        if any(isinstance(answer, Exception) for answer in answers.values()):
            raise MachineError(
                "The cluster's workers do not have fairtrial: install it where they run, in the "
                f"version of this machine ({version('fairtrial')})."
            )
        client.register_plugin(Threads(), name="fairtrial-threads")

    @property
    def n_at_once(self) -> int:
        """How many stacks train at once on the worker with the most threads."""
        return max(worker["nthreads"] for worker in self._list_workers())

    def measure_free_memory(self) -> int:
        """Return half of what the smallest worker may use, in bytes."""
        return min(worker["memory_limit"] for worker in self._list_workers()) // 2

    def train(
        self, plans: Sequence[StackPlan], progress: StackProgress
    ) -> Generator[tuple[StackPlan, list[Part]], None, None]:
        """Train stacks and yield their parts; stacks that still run at the end are dropped.

        It is a `MachineError`, when all others have ended, if the memory does not hold a run or
        worker after worker died of a stack; at once, if the scheduler is gone, or all workers for a
        minute.
        """
        waiting = iter(sorted(plans, key=lambda plan: plan.seconds, reverse=True))
        running: dict[Future, StackPlan] = {}
        failures: list[Exception] = []
        try:
            while self._hand_out(waiting, running):
                for future in [future for future in running if future.done()]:
                    plan = running.pop(future)
                    try:
                        parts = future.result()
                    except (InputError, MachineError, KilledWorker) as error:
                        failures.append(explain(error, plan))
                    else:
                        yield plan, parts
                time.sleep(0.05)
        except (FutureCancelledError, OSError):  # A connection that breaks is an OSError.
            raise MachineError(GONE) from None
        if failures:
            raise failures[0]

    def _hand_out(self, waiting: Iterator[StackPlan], running: dict[Future, StackPlan]) -> bool:
        """Keep every worker busy, and the scheduler small, however many plans there are."""
        n_threads = sum(worker["nthreads"] for worker in self._list_workers())
        if n_threads:
            self._seen = time.monotonic()
        elif time.monotonic() - self._seen > SECONDS_WITHOUT_WORKERS:
            raise MachineError(
                "The cluster has lost all its workers. Stacks that have finished are kept: "
                "start workers, then run the same command again."
            )
        room = 2 * max(1, n_threads) - len(running)
        for plan in itertools.islice(waiting, max(0, room)):
            running[self._client.submit(train_packed, pack(plan), pure=False)] = plan
        return bool(running)

    def _list_workers(self) -> list[dict[str, Any]]:
        known = self._client.scheduler_info(n_workers=-1)
        if "workers" not in known:  # The client has tried to connect again, and is closed now.
            raise MachineError(GONE)
        return list(known["workers"].values())


class Threads(WorkerPlugin):
    """Gives TensorFlow as many threads as its worker has, so that machines are not overloaded."""

    def setup(self, worker: Worker) -> None:
        """Set them, before anything is trained there."""
        load_tensorflow()
        import tensorflow as tf

        with contextlib.suppress(RuntimeError):  # TensorFlow has been at work there already.
            tf.config.threading.set_intra_op_parallelism_threads(worker.state.nthreads)


@contextlib.contextmanager
def start_workers(n_workers: int) -> Iterator[Cluster]:
    """Start worker processes on this machine, which share its processors; end them afterwards.

    Raises
    ------
    InputError
        If it is no number of workers, they cannot start, as in a script that does not guard its
        main part, or Dask is not installed.
    """
    check_amount("n_workers", n_workers, 1)
    try:
        with ignore_interrupts():  # Ctrl-C is this process's to hear: it ends the workers.
            local = LocalCluster(
                n_workers=n_workers,
                threads_per_worker=max(1, cpu_count() // n_workers),
                dashboard_address=None,  # pyright: ignore[reportArgumentType]
                silence_logs=logging.CRITICAL,
            )
    except RuntimeError as error:
        raise InputError(
            f"The workers did not start: {error}. In a script, start them below "
            "`if __name__ == '__main__':`, since they import it."
        ) from None
    with local, Client(local) as client:
        yield Cluster(client)


@contextlib.contextmanager
def ignore_interrupts() -> Iterator[None]:
    """Have processes that start meanwhile ignore Ctrl-C; possible in the main thread alone."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def connect(scheduler: str) -> Iterator[Cluster]:
    """Connect to the scheduler of a Dask cluster, such as `tcp://10.0.0.1:8786`.

    Raises
    ------
    InputError
        If it is no address, or Dask is not installed.
    MachineError
        If it does not answer within half a minute, or has no workers.
    """
    if not isinstance(scheduler, str) and not hasattr(scheduler, "scheduler_address"):
        raise InputError(
            f"scheduler = {show_object(scheduler)} is no address: give that of a Dask scheduler, "
            "such as 'tcp://10.0.0.1:8786'."
        )
    try:
        client = Client(scheduler, timeout=SECONDS_TO_CONNECT)
    except (OSError, ValueError) as error:
        raise MachineError(
            f"The scheduler {scheduler!r} does not answer: {error}. Check its address, and that it "
            "runs."
        ) from None
    with client:
        yield Cluster(client)


def pack(plan: StackPlan) -> bytes:
    """Make a task of a plan: a few kilobytes, however many runs it has.

    Kinds from outside go with it: the source of files, and functions and objects of Python programs
    themselves.
    """
    arms = dict.fromkeys(run.arm for row in plan.runs for run in row)
    kinds = find_kinds([part for arm in arms for part in (arm.task, arm.model)])
    functions = [(type(kind), kind.list_facts()) for kind in find_functions(kinds)]
    objects = list_objects(getattr(arm.model, "digest", "") for arm in arms)
    loose = cloudpickle.dumps((functions, objects))
    sent = find_plugins(kinds), loose, pickle.dumps(plan)
    return zlib.compress(pickle.dumps(sent))


def train_packed(packed: bytes) -> list[Part]:
    """Train a stack on a worker; see `train_parts`."""
    from fairtrial.running.stack import train_parts

    plugins, loose, plan = pickle.loads(zlib.decompress(packed))
    with UNPACKING:  # The plan has the kinds of these files, whatever other stacks have.
        activate(plugins)
        functions, objects = pickle.loads(loose)
        for make, facts in functions:
            make.family.register(make(**facts))
        add_objects(objects)
        plan = pickle.loads(plan)
    return train_parts(plan)


def explain(error: Exception, plan: StackPlan) -> Exception:
    """Put into a sentence what kept a stack from being trained."""
    if not isinstance(error, KilledWorker):
        return error
    return MachineError(
        f"Worker after worker died while training {plan.n_runs} runs ({plan.runs[0][0].name!r} "
        "and on), perhaps for want of memory: give stacks less "
        "with --memory, or memory in Python."
    )
