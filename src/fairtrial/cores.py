"""How many cores of this machine matrix products may use, and stacks that train at once."""

import threading
from collections.abc import Mapping

from joblib import cpu_count
from threadpoolctl import LibController, OpenBLASController, ThreadpoolController


class OneCore:
    """Limits matrix products of the process to one core, as long as any thread needs it.

    Many small products are slower on several cores, and results must not depend on how many there
    are.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._n_holding = 0
        self._libraries: list[LibController] = []
        self._n_cores: dict[str, int] = {}  # Of each library by its path, without a limit.

    def __enter__(self) -> None:
        with self._guard:
            if not self._n_holding:  # Look again: libraries may have been loaded since.
                self._libraries = ThreadpoolController().select(user_api="blas").lib_controllers
                for one in self._libraries:
                    self._n_cores.setdefault(str(one.filepath), one.num_threads or 1)
                self._limit(dict.fromkeys(self._n_cores, 1))
            self._n_holding += 1

    def __exit__(self, *error: object) -> None:
        with self._guard:
            self._n_holding -= 1
            if not self._n_holding:
                self._limit(self._n_cores)

    def _limit(self, n_cores: Mapping[str, int]) -> None:
        # From its version 3.8 on, threadpoolctl ignores all threads but the first that sets a
        # limit, as long as that one lives.
        free = getattr(OpenBLASController, "clear_controlling_thread", lambda force: None)
        free(force=True)
        for one in self._libraries:
            one.set_num_threads(n_cores[str(one.filepath)])
        free(force=True)


on_one_core = OneCore()


class SharedCores:
    """Divides the cores among the stacks of this process that train or make features at once.

    More threads than cores take turns in Python, and each finds the cache full of another's values.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._n_stacks = 0

    def __enter__(self) -> None:
        with self._guard:
            self._n_stacks += 1

    def __exit__(self, *error: object) -> None:
        with self._guard:
            self._n_stacks -= 1

    def count(self) -> int:
        """Count the cores of each of them now; at least one."""
        return max(cpu_count() // max(self._n_stacks, 1), 1)


shared_cores = SharedCores()
