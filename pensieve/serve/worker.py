"""gunicorn's ASGI worker, hardened: places for connections, and a drain that is clean.

At SIGTERM it stops accepting and closes idle connections at once. Running answers get
`drain_timeout_s`; then open streams are told to end with an error event. At SIGINT or
SIGQUIT, which also end a drain, they are told at once. The application's lifespan
shutdown always runs.
"""

import asyncio
import os
import resource
import signal

import uvloop
from gunicorn.workers import gasgi

from pensieve.api.exchange import MUST_END
from pensieve.serve import settings as config
from pensieve.serve.protocol import Protocol
from pensieve.serve.room import LEAVING, Room

FAREWELL_S = 1.0
"""What an answer gets to end in once it was told to."""

CLOSE_S = 10.0
"""What the application gets to close in."""

OTHER_FILES = 256
"""Descriptors for all that is no connection."""

# gunicorn looks its protocol up by this name at each connection, and nowhere else.
gasgi.ASGIProtocol = Protocol


class Worker(gasgi.ASGIWorker):  # type: ignore[misc]  # gunicorn has no types
    """The one process that speaks HTTP."""

    write_timeout_s = 60.0
    """What a client that has stopped reading gets before it is cut off."""

    loop: asyncio.AbstractEventLoop

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.settings = settings = config.settings  # those of its master's fork
        self.header_timeout_s = settings.header_timeout_s
        self.max_head_bytes = settings.max_head_bytes
        self.drain_timeout_s = settings.drain_timeout_s
        self.room = Room(self.worker_connections)
        self._has_backlog = False
        self._must_end = self.state[MUST_END] = asyncio.Event()

    def init_process(self) -> None:
        """Have enough descriptors for all connections, then serve."""
        _allow_files((1 + LEAVING) * self.worker_connections + OTHER_FILES)
        super().init_process()

    def _setup_event_loop(self) -> None:
        super()._setup_event_loop()
        if not isinstance(self.loop, uvloop.Loop):
            raise RuntimeError(f"asgi_loop: expected uvloop, got {type(self.loop)}")

    def notify(self) -> None:
        """Tell the master that the loop turns; once it listens, give it its backlog."""
        super().notify()
        if self.servers and not self._has_backlog:
            # The loop listens anew, with its own of 100. What comes beyond that in one
            # burst would wait for a second or more, until it is tried again.
            for listener in self.sockets:
                listener.sock.listen(self.cfg.backlog)
            self._has_backlog = True

    def init_signals(self) -> None:
        """Leave SIGHUP to the master: a terminal's goes to all that were started there.

        It would end a worker at once, with what it is answering.
        """
        super().init_signals()
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    # ----- ending -----

    def handle_exit_signal(self) -> None:
        """SIGTERM: drain. One more changes nothing: init systems send it to everybody,
        and gunicorn's master passes its own on.
        """
        super().handle_exit_signal()
        self._stop_accepting()

    def handle_quit_signal(self) -> None:
        """SIGINT, SIGQUIT: end now."""
        super().handle_quit_signal()
        self._stop_accepting()

    def _stop_accepting(self) -> None:
        for server in self.servers:
            server.close()
        for connection in self.room.guests():
            assert isinstance(connection, Protocol)
            connection.close_if_idle()

    async def _shutdown(self) -> None:
        self._stop_accepting()  # a parent that is gone sends no signal
        self.log.info("Stopping: %d connections open", len(self.room))
        await self._until_closed(self.drain_timeout_s, unless_quick=True)
        self._must_end.set()
        await self._until_closed(FAREWELL_S)
        self.room.clear()
        if self.lifespan:
            await asyncio.wait_for(self.lifespan.shutdown(), CLOSE_S)

    async def _until_closed(self, timeout_s: float, unless_quick: bool = False) -> None:
        deadline = self.loop.time() + timeout_s
        while self.room and self.loop.time() < deadline:
            if unless_quick and (self._quick_shutdown or self.ppid != os.getppid()):
                return
            self.notify()
            await asyncio.sleep(0.05)


def _allow_files(count: int) -> None:
    """Let this process have so many open files, or as many as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY:
        count = min(count, hard)
    if soft != resource.RLIM_INFINITY and soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
