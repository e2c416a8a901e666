"""What a running server says of itself: GET /health, from outside."""

import http.client
import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import msgspec

from pensieve.serve.pid_file import Server

_ANSWER_S = 5.0
"""A server that lets /health wait longer than this is taken as silent."""

_POLL_S = 0.2

_FINAL = ("ready", "unloaded", "failed")
"""Unloaded is a model that has been ready, and that nobody has used since."""


class Health(msgspec.Struct, frozen=True):
    """The part of /health's body that the command line reads."""

    status: str
    """"starting", "loading", "ready", "unloaded", "restarting" or "failed"."""
    message: str = ""
    version: str = ""
    pid: int = 0
    """The worker's."""
    model: str = ""
    context_length: int = 0
    engine: dict[str, Any] = {}
    requests: dict[str, Any] = {}
    """What they add up to since the start; empty: the server does not say."""
    memory: dict[str, Any] = {}
    models: list[dict[str, Any]] = []
    """Each with its name and its engine, the main one first."""
    aliases: dict[str, str] = {}
    """Other names, of which one may end in "*", and the models that they mean."""
    uptime_s: float = 0.0


def ask_health(base_url: str, timeout_s: float = _ANSWER_S) -> Health | None:
    """Return what the server says, or None where none of Pensieve's answers."""
    address = urlsplit(base_url).netloc
    connection = http.client.HTTPConnection(address, timeout=timeout_s)
    try:
        connection.request("GET", "/health")
        body = json.load(connection.getresponse())
        # Other programs have a /health with a status, too.
        is_pensieve = isinstance(body, dict) and {"version", "engine"} <= body.keys()
        return msgspec.convert(body, Health) if is_pensieve else None
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()


def watch(
    server: Server, silence_s: float, old_worker: int | None = None
) -> Iterator[Health]:
    """Yield each new state of a server that is starting; end when it is final.

    Final are those of _FINAL, the end of the process, and no answer for `silence_s`
    seconds. Before the first answer the state is "starting".

    Args:
        old_worker: a worker's pid, whose answers are none: another one is to come.
    """
    last = Health(status="starting")
    yield last
    heard_at = time.monotonic()
    while last.status not in _FINAL:
        time.sleep(_POLL_S)
        if not server.is_running() or time.monotonic() - heard_at > silence_s:
            return
        health = ask_health(server.base_url)
        if health is None or health.pid == old_worker:
            continue
        heard_at = time.monotonic()
        if (health.status, health.message) != (last.status, last.message):
            last = health
            yield health
