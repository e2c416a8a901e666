"""A client that only wants its answer, and how long that takes beside an attack."""

import contextlib
import json
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil

ATTACKER = Path(__file__).parent / "attacker.py"
END_S = 120.0
"""For the last answers to an attack that has ended."""
PAUSE_S = 0.05
"""Between two requests, so that they are spread over an attack."""


def ask(server, request):
    """Return the seconds until a new connection has its whole, right answer."""
    begun = time.perf_counter()
    with server.connect() as wire:
        wire.send(request)
        status, _, body = wire.read_answer()
    assert status == 200, body
    assert json.loads(body)["content"][0]["text"] == "Hello world"
    return time.perf_counter() - begun


def times(server, request, count):
    """Return the times of answers that are asked for one after the other."""
    found = []
    for _ in range(count):
        found.append(ask(server, request))
        time.sleep(PAUSE_S)
    return found


class Watched:
    """The most memory that a process takes while the context is open."""

    def __init__(self, pid):
        self._process = psutil.Process(pid)
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.before_bytes = self.most_bytes = self._process.memory_info().rss

    @property
    def grown_bytes(self):
        return self.most_bytes - self.before_bytes

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exc):
        self._ends.set()
        self._thread.join()

    def _watch(self):
        while not self._ends.wait(0.02):
            now = self._process.memory_info().rss
            self.most_bytes = max(self.most_bytes, now)


class Attack:
    """An attacker's process, from when the attack is under way."""

    def __init__(self, name, port, size):
        self._words = [sys.executable, str(ATTACKER), name, str(port), str(size)]
        self._process = None
        self.size = 0
        self.statuses = {}

    def __enter__(self):
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            self._words, stdin=pipe, stdout=pipe, text=True
        )
        assert self._process.stdout.readline() == "on\n"
        return self

    def __exit__(self, *exc):
        with contextlib.ExitStack() as stack:
            stack.callback(self._process.wait)
            stack.callback(self._process.kill)
            told, _ = self._process.communicate(timeout=END_S)
            found = json.loads(told)
            self.size, self.statuses = found["size"], found["statuses"]


def beside(server, request, attack, count):
    """Return the median of the answers' times during an attack, and without one.

    The attack ends with this; half of the times without are from before it.
    """
    usual = times(server, request, count)
    with attack:
        during = times(server, request, count)
    usual += times(server, request, count)
    return statistics.median(during), statistics.median(usual)
