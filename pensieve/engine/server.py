"""The engine's own end of the link: clients on a Unix socket, the model in its thread.

Runs on the process's main thread and never waits for the model. It ends when told to
(Quit, SIGTERM), when the last client needs it no more (Release) or some time after it
has gone, when the model thread breaks, after a failure to load has been told, and to
give its memory back.
"""

import asyncio
import functools
import itertools
import logging
import os
import signal
import socket
from collections.abc import Callable

import msgspec
import psutil

from pensieve.engine.connection import Connection
from pensieve.engine.model_thread import EventsByConnection, ModelThread, Status
from pensieve.link.messages import (
    EXIT_MEMORY,
    CacheReport,
    Cancel,
    EngineSpec,
    EngineState,
    Hello,
    MemoryReport,
    Ping,
    Pong,
    Quit,
    Release,
    Request,
    Submit,
)

log = logging.getLogger(__name__)

CACHE_REPORT_S = 1.0
"""Between two looks at how full the prefix cache is."""
FLUSH_S = 3.0
"""What the disk gets at the end, to take what sequences left. Who asked for the end
waits for 5 s."""
LAST_WORDS_S = 0.5
"""Between telling a client that the model cannot be loaded, and the end."""


class Server:
    """Serves one model until there is a reason to end. Of one event loop.

    Args:
        listening: owned by the caller.
    """

    def __init__(self, spec: EngineSpec, listening: socket.socket) -> None:
        self._spec = spec
        self._listening = listening
        self._loop = asyncio.get_running_loop()
        self._exit_status: asyncio.Future[int] = self._loop.create_future()
        self._state = EngineState("loading", os.getpid(), spec)
        self._connections: dict[int, Connection] = {}
        self._ids = itertools.count(1)
        self._linger: asyncio.TimerHandle | None = None
        self._cache: CacheReport | None = None
        self._memory: MemoryReport | None = None
        self._model = ModelThread(
            spec,
            self._from_model(self._set_state),
            self._from_model(self._deliver),
            self._from_model(self._tell_memory),
            self._from_model(lambda: self._end(1)),
        )

    async def run(self) -> int:
        """Serve; return the exit status.

        0 as asked, 1 when the model failed, EXIT_MEMORY to give memory back.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._end, 0)
        await self._loop.create_unix_server(self._connect, sock=self._listening)
        self._wait_for_clients()
        self._model.start()
        self._report_cache()
        exit_status = await self._exit_status
        await asyncio.to_thread(self._model.flush, FLUSH_S)
        return exit_status

    def _end(self, exit_status: int) -> None:
        if not self._exit_status.done():
            self._exit_status.set_result(exit_status)

    # ----- Clients -----

    def _connect(self) -> Connection:
        return Connection(next(self._ids), self._open, self._receive, self._close)

    def _open(self, connection: Connection) -> None:
        self._connections[connection.connection_id] = connection
        if self._linger is not None:
            self._linger.cancel()

    def _close(self, connection: Connection) -> None:
        del self._connections[connection.connection_id]
        self._model.commands.put((connection.connection_id, None))
        if not self._connections:
            self._wait_for_clients()

    def _wait_for_clients(self) -> None:
        self._linger = self._loop.call_later(self._spec.linger_s, self._end, 0)

    def _receive(self, connection: Connection, request: Request) -> None:
        match request:
            case Hello():
                connection.has_said_hello = True
                self._tell_state(connection)
                if self._memory is not None:
                    connection.send([self._memory])
            case Submit() | Cancel():
                self._model.commands.put((connection.connection_id, request))
            case Ping():
                connection.send([Pong(self._model.busy_s)])
            case Quit():
                log.info("connection %d ends the engine", connection.connection_id)
                self._tell_others_of_end(connection)
                self._end(0)
            case Release():
                self._release(connection)

    def _tell_others_of_end(self, who: Connection) -> None:
        """Keep the other clients from starting this engine again."""
        message = "another worker ended this engine, to start one with other settings"
        state = msgspec.structs.replace(self._state, status="failed", message=message)
        for connection in self._connections.values():
            if connection is not who and connection.has_said_hello:
                connection.send([state])

    def _release(self, connection: Connection) -> None:
        others = [each for each in self._connections.values() if each is not connection]
        if any(each.has_said_hello for each in others):
            connection.abort()
            return
        log.info("connection %d needs the engine no more", connection.connection_id)
        self._end(0)

    # ----- The model -----

    def _from_model(self, callback: Callable[..., None]) -> Callable[..., object]:
        """Return a function for the model's thread that calls back in this one."""
        return functools.partial(self._loop.call_soon_threadsafe, callback)

    def _set_state(self, status: Status, message: str, sampler: str = "") -> None:
        log.log(logging.ERROR if status == "failed" else logging.INFO, message)
        memory_bytes = psutil.Process().memory_info().rss if status == "ready" else 0
        self._state = EngineState(
            status, os.getpid(), self._spec, message, memory_bytes, sampler
        )
        for connection in self._connections.values():
            if connection.has_said_hello:
                self._tell_state(connection)

    def _tell_state(self, connection: Connection) -> None:
        connection.send([self._state, *([self._cache] if self._cache else [])])
        if self._state.status == "failed":
            self._loop.call_later(LAST_WORDS_S, self._end, 1)

    def _report_cache(self) -> None:
        """Tell everybody how full the prefix cache is, if that has changed."""
        self._loop.call_later(CACHE_REPORT_S, self._report_cache)
        report = self._model.cache_report()
        if report is not None and report != self._cache:
            self._cache = report
            for connection in self._connections.values():
                if connection.has_said_hello:
                    connection.send([report])

    def _tell_memory(self, report: MemoryReport) -> None:
        self._memory = report
        for connection in self._connections.values():
            if connection.has_said_hello:
                connection.send([report])
        if report.ends_engine:
            self._end(EXIT_MEMORY)

    def _deliver(self, events: EventsByConnection) -> None:
        for connection_id, each in events.items():
            if connection := self._connections.get(connection_id):
                connection.send(each)
