"""The limit to one core, from any thread, and the cores of stacks that train at once."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from fairtrial.cores import SharedCores, on_one_core


def count():
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


@pytest.fixture(autouse=True)
def two_cores():
    with threadpool_limits(2, user_api="blas"):
        yield


def test_limit_holds_until_the_last_user_ends():
    before = count()
    first, second = ExitStack(), ExitStack()
    first.enter_context(on_one_core)
    second.enter_context(on_one_core)
    first.close()
    assert set(count()) == {1}
    second.close()
    assert count() == before


def test_every_thread_can_set_the_limit_and_set_it_back():
    """Also where another thread that lives on has set a limit before, as the fixture has."""
    before = count()
    with on_one_core:
        pass

    def limit():
        with on_one_core:
            return count()

    with ThreadPoolExecutor(1) as thread:
        assert set(thread.submit(limit).result()) == {1}
        assert count() == before
        thread.submit(on_one_core.__enter__).result()
        assert set(count()) == {1}
        on_one_core.__exit__()
        assert count() == before


def test_stacks_that_train_at_once_share_the_cores(monkeypatch):
    monkeypatch.setattr("fairtrial.cores.cpu_count", lambda: 4)
    shared = SharedCores()
    counts = [shared.count()]
    with ExitStack() as stacks:
        for _ in range(5):
            stacks.enter_context(shared)
            counts.append(shared.count())
    assert counts == [4, 4, 2, 1, 1, 1]
    assert shared.count() == 4
