import asyncio

import pytest

from pensieve.link.received import Received


async def test_what_came_before_the_read_comes_at_once_and_together():
    received = Received()
    received.data_received(b"ab")
    received.data_received(b"c")

    assert await received.read() == b"abc"


async def test_a_read_waits_for_the_first_bytes():
    received = Received()
    reading = asyncio.create_task(received.read())
    await asyncio.sleep(0)
    assert not reading.done()
    received.data_received(b"ab")

    assert await reading == b"ab"


async def test_what_came_last_is_read_before_the_end():
    received = Received()
    received.data_received(b"ab")
    received.eof_received()
    received.connection_lost(None)

    assert [await received.read() for _ in range(3)] == [b"ab", b"", b""]


async def test_the_end_wakes_who_waits():
    for end in (Received.eof_received, lambda each: each.connection_lost(None)):
        received = Received()
        reading = asyncio.create_task(received.read())
        await asyncio.sleep(0)
        end(received)
        assert await reading == b""


async def test_a_connection_that_broke_says_so_behind_what_came():
    received = Received()
    received.data_received(b"ab")
    received.connection_lost(ConnectionResetError("reset"))

    assert await received.read() == b"ab"
    for _ in range(2):
        with pytest.raises(ConnectionResetError):
            await received.read()


async def test_a_read_that_was_given_up_loses_nothing():
    received = Received()
    reading = asyncio.create_task(received.read())
    await asyncio.sleep(0)
    reading.cancel()
    received.data_received(b"ab")

    assert await received.read() == b"ab"
