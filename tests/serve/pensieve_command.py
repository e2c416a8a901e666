"""The `pensieve` command in processes of its own, with a home and a port of its own."""

import json
import os
import subprocess
import sys
import time

import psutil
from serve.gunicorn_server import free_port

DEADLINE_S = 120
"""No test waits for this long; one that would is broken."""


class Pensieve:
    """The command line, with a home and a port of its own.

    Without a model, that is in the settings file, as all that is not said here.
    """

    def __init__(self, home, model=None):
        self.port = free_port()
        self.home = home
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("PENSIEVE_")},
            "PENSIEVE_HOME": str(home),
            "PENSIEVE_PORT": str(self.port),
        }
        if model is not None:
            self.environment["PENSIEVE_MODEL"] = str(model)

    def command(self, *words):
        """Return the command line of a verb."""
        return [sys.executable, "-m", "pensieve", *words]

    def __call__(self, *words, **environment):
        """Run a verb to its end."""
        return subprocess.run(
            self.command(*words),
            env=self.environment | environment,
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
        )

    def configure(self, text):
        """Write the settings file."""
        (self.home / "config.toml").write_text(text)

    def status(self):
        """Return what `pensieve status --json` prints."""
        return json.loads(self("status", "--json").stdout)

    def engine_pid(self):
        """Return the engine's pid."""
        return self.status()["engine"]["pid"]


def wait_until(condition):
    """Wait for something that is about to happen."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_gone(pid):
    """Whether the process has ended; one that nobody has waited for yet has, too."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
