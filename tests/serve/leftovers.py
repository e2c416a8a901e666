"""What a server has left of itself: processes, sockets, pid files."""

import os

import psutil
from serve.pensieve_command import wait_until


def processes_of(home):
    """Return the living processes that have this home, as command lines."""
    found = []
    for process in psutil.process_iter():
        try:
            is_its = process.environ().get("PENSIEVE_HOME") == str(home)
            is_alive = process.status() != psutil.STATUS_ZOMBIE
            if is_its and is_alive and process.pid != os.getpid():
                found.append(process)
        except psutil.Error:
            continue
    return found


def check_nothing_is_left(home):
    """See all processes end, and neither sockets nor pid files stay."""
    wait_until(lambda: not processes_of(home))
    run = home / "run"
    assert [*run.glob("*.sock"), *run.glob("server-*.json"), *run.glob("*.part")] == []
