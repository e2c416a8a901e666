"""Scripted engines, and a client that starts them."""

import contextlib
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from pensieve import places
from pensieve.link.messages import EngineSpec

SCRIPT = Path(__file__).parent / "scripted_engine.py"


class Spawner:
    """Starts scripted engines and knows them all."""

    def __init__(self):
        self.processes = []

    def __call__(self, spec):
        command = [sys.executable, str(SCRIPT), msgspec.json.encode(spec).decode()]
        self.processes.append(subprocess.Popen(command, start_new_session=True))
        return self.processes[-1]


@pytest.fixture
def spawner():
    spawner = Spawner()
    yield spawner
    for process in spawner.processes:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.wait()


@pytest.fixture
def spec(own_home):
    path = places.socket_path("engine-test")
    places.private_dir(path.parent)
    return EngineSpec("ok", str(path), "1", max_batch_size=8, prefill_chunk=0)
