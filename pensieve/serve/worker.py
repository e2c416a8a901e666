"""gunicorn's ASGI worker, hardened: limits on connections, and a drain that is clean.

At SIGTERM it stops accepting and closes idle connections at once. Running answers get
`drain_timeout_s`; then open streams are told to end with an error event. At SIGINT or
SIGQUIT, which also end a drain, they are told at once. The application's lifespan
shutdown always runs.
"""

import asyncio
import os

import uvloop
from gunicorn.workers import gasgi

from pensieve.api.exchange import MUST_END
from pensieve.serve.protocol import Protocol
from pensieve.serve.settings import settings

FAREWELL_S = 1.0
"""What an answer gets to end in once it was told to."""

CLOSE_S = 10.0
"""What the application gets to close in."""

# gunicorn looks its protocol up by this name at each connection, and nowhere else.
gasgi.ASGIProtocol = Protocol


class Worker(gasgi.ASGIWorker):  # type: ignore[misc]  # gunicorn has no types
    """The one process that speaks HTTP."""

    header_timeout_s = settings.header_timeout_s
    drain_timeout_s = settings.drain_timeout_s
    write_timeout_s = 60.0
    """What a client that has stopped reading gets before it is cut off."""

    loop: asyncio.AbstractEventLoop

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.connections: set[Protocol] = set()
        self._must_end = self.state[MUST_END] = asyncio.Event()

    def has_room(self) -> bool:
        """Whether one more connection may be taken."""
        limit: int = self.worker_connections
        return self.alive is True and len(self.connections) < limit

    def _setup_event_loop(self) -> None:
        super()._setup_event_loop()
        if not isinstance(self.loop, uvloop.Loop):
            raise RuntimeError(f"asgi_loop: expected uvloop, got {type(self.loop)}")

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
        for connection in list(self.connections):
            connection.close_if_idle()

    async def _shutdown(self) -> None:
        self._stop_accepting()  # a parent that is gone sends no signal
        self.log.info("Stopping: %d connections open", len(self.connections))
        await self._until_closed(self.drain_timeout_s, unless_quick=True)
        self._must_end.set()
        await self._until_closed(FAREWELL_S)
        for connection in list(self.connections):
            connection.transport.abort()
        if self.lifespan:
            await asyncio.wait_for(self.lifespan.shutdown(), CLOSE_S)

    async def _until_closed(self, timeout_s: float, unless_quick: bool = False) -> None:
        deadline = self.loop.time() + timeout_s
        while self.connections and self.loop.time() < deadline:
            if unless_quick and (self._quick_shutdown or self.ppid != os.getppid()):
                return
            self.notify()
            await asyncio.sleep(0.05)
