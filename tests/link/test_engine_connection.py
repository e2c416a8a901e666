"""What only a real socket on uvloop does."""

import asyncio

import uvloop

from pensieve.link.engine_connection import EngineConnection
from pensieve.link.messages import Ping
from pensieve.link.pulse import Patience


def test_a_request_to_an_engine_that_is_gone_is_dropped(tmp_path):
    path = tmp_path / "engine.sock"

    async def send_to_nobody() -> None:
        server = await asyncio.start_unix_server(lambda _, writer: writer.close(), path)
        connection = await EngineConnection.open(str(path), Patience())
        assert connection is not None
        connection.abort()
        await asyncio.sleep(0.05)  # until uvloop has closed the socket

        try:
            connection.send(Ping())
        finally:
            server.close()

    uvloop.run(send_to_nobody())
