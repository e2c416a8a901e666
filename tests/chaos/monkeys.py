"""Those who disturb: the engine is killed, stopped or cut off, its cache spoilt."""

import contextlib
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable

from chaos.cache_dir import CacheDir
from chaos.cutting import can_cut, cut

MAX_CALM_S = 6.0
"""As long as that the engine is left alone, unless told otherwise."""
MAX_PAUSE_S = 4.0
"""That an engine is stopped for and then goes on: less than its silence is borne."""
MAX_LOADING_S = 60.0
EAGER = 0.15
"""Share of disturbances that do not wait for an engine that is ready."""


class Monkeys(threading.Thread):
    """One after the other, until the end of the context; then nothing is left of it.

    Args:
        engine_pids: returns the pids of the engines that live, the newest last.
        is_ready: whether one is ready.
        client_pid: returns the process that is connected to them.
        cache: of the engines; None: it is not spoilt.
        max_calm_s: between two disturbances, from when an engine is ready.
    """

    def __init__(
        self,
        dice: random.Random,
        socket_path: str,
        engine_pids: Callable[[], list[int]],
        is_ready: Callable[[], bool],
        client_pid: Callable[[], int],
        cache: CacheDir | None = None,
        max_calm_s: float = MAX_CALM_S,
    ) -> None:
        super().__init__(name="monkeys", daemon=True)
        self.done: Counter[str] = Counter()
        self.failure: BaseException | None = None
        self._dice = dice
        self._socket_path = socket_path
        self._engine_pids = engine_pids
        self._is_ready = is_ready
        self._client_pid = client_pid
        self._cache = cache
        self._max_calm_s = max_calm_s
        self._is_over = threading.Event()

    def __enter__(self) -> "Monkeys":
        self.start()
        return self

    def __exit__(self, *exc) -> None:
        self._is_over.set()
        self.join()
        print("chaos: " + ", ".join(f"{n} x {what}" for what, n in self.done.items()))
        if self.failure is not None:
            raise self.failure

    def run(self) -> None:
        disturbances = [self._kill] * 5 + [self._pause] * 2 + [self._stop_for_good]
        if why := can_cut():
            self.done[f"no cut: {why}"] = 1
        else:
            disturbances += [self._cut] * 3
        if self._cache is not None:
            disturbances += [self._read_only, self._full, self._flip, self._flip]
        try:
            while not self._is_over.is_set():
                self._wait()
                self._dice.choice(disturbances)()
        except BaseException as error:
            self.failure = error

    def _wait(self) -> None:
        deadline = time.monotonic() + MAX_LOADING_S
        if self._dice.random() > EAGER:
            while not self._is_ready() and time.monotonic() < deadline:
                if self._is_over.wait(0.05):
                    return
        self._is_over.wait(self._dice.uniform(0.2, self._max_calm_s))

    def _signal(self, number: int) -> int | None:
        pids = self._engine_pids()
        if not pids:
            return None
        with contextlib.suppress(ProcessLookupError):
            os.kill(pids[-1], number)
        return pids[-1]

    def _kill(self) -> None:
        self.done["killed"] += self._signal(signal.SIGKILL) is not None

    def _pause(self) -> None:
        pid = self._signal(signal.SIGSTOP)
        if pid is not None:
            self._is_over.wait(self._dice.uniform(0.5, MAX_PAUSE_S))
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
            self.done["paused"] += 1

    def _stop_for_good(self) -> None:
        self.done["stopped for good"] += self._signal(signal.SIGSTOP) is not None

    def _cut(self) -> None:
        self.done["cut"] += cut(self._client_pid(), self._socket_path) > 0

    def _read_only(self) -> None:
        self._spoil(CacheDir.make_read_only)

    def _full(self) -> None:
        pids = self._engine_pids()
        self._spoil(lambda cache: cache.fill(pids[-1] if pids else None))

    def _spoil(self, how: Callable[[CacheDir], str]) -> None:
        assert self._cache is not None
        self.done[f"cache {how(self._cache)}"] += 1
        self._is_over.wait(self._dice.uniform(1.0, MAX_CALM_S))
        for pid in self._engine_pids():
            self._cache.restore(pid)
        self._cache.restore()

    def _flip(self) -> None:
        assert self._cache is not None
        what = self._cache.flip_a_bit(self._dice)
        self.done["cache " + what.partition(" in byte")[0]] += 1
