"""Matrix products on one core.

Many small products are slower on several cores, and results must not depend on how many there are.
"""

import threading
from functools import cache

import scipy.linalg  # pyright: ignore[reportUnusedImport]  # noqa: F401  Loads its own BLAS.
from threadpoolctl import OpenBLASController, ThreadpoolController


class OneCore:
    """Limits matrix products of the process to one core, as long as any thread needs it."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._n_holding = 0

    def __enter__(self) -> None:
        with self._guard:
            if not self._n_holding:
                _take_control()
                self._limits = _find_libraries().limit(limits=1, user_api="blas")
            self._n_holding += 1

    def __exit__(self, *error: object) -> None:
        with self._guard:
            self._n_holding -= 1
            if not self._n_holding:
                _take_control()
                self._limits.restore_original_limits()
                _take_control()


def _take_control() -> None:
    """Let this thread, or the next one, set limits.

    From its version 3.8 on, threadpoolctl ignores all threads but the first, as long as that one
    lives. Here the last thread to leave sets the limits back.
    """
    if release := getattr(OpenBLASController, "clear_controlling_thread", None):
        release(force=True)


@cache
def _find_libraries() -> ThreadpoolController:
    return ThreadpoolController()


on_one_core = OneCore()
