"""The engine's process, over its socket. A test that ends one starts its own."""

import asyncio
import itertools
import os
import signal

import pytest
from engine.engine_process import (
    TIMEOUT_S,
    FrameClient,
    connected,
    engine_spec,
    running_engine,
    status,
    wait_for_exit,
)
from engine.tiny_models import VOCAB_SIZE

from pensieve.link.messages import (
    EXIT_SOCKET_TAKEN,
    Admitted,
    CacheReport,
    Cancel,
    Finished,
    Ping,
    Pong,
    Prefilled,
    Quit,
    Refused,
    Release,
    Sampled,
    SamplingParams,
    Submit,
)

GREEDY = SamplingParams(seed=0, temperature=0)
LONG = [(7 * i) % VOCAB_SIZE for i in range(400)]


def submit(sequence_id=1, token_ids=(5, 6, 7), max_tokens=5) -> Submit:
    size = len(token_ids)
    return Submit(sequence_id, list(token_ids), max_tokens, [], GREEDY, size)


def finished(sequence_id):
    def is_its_end(event) -> bool:
        return isinstance(event, Finished) and event.sequence_id == sequence_id

    return is_its_end


def is_admitted(event, sequence_id) -> bool:
    return isinstance(event, Admitted) and event.sequence_id == sequence_id


def drawn(events) -> list[int]:
    sampled = [event for event in events if isinstance(event, Sampled)]
    return [token_id for event in sampled for token_id in event.token_ids]


async def answers(client: FrameClient) -> bool:
    client.send(submit(1))
    return len(drawn(await client.until(finished(1)))) == 5


@pytest.fixture
async def client(engine):
    spec, _ = engine
    async with connected(spec.socket_path) as client:
        assert (await client.ready()).spec == spec
        yield client


@pytest.fixture
def spec(tiny_llama_path, tmp_path):
    return engine_spec(tiny_llama_path, tmp_path / "engine.sock")


async def test_hello_is_answered_while_the_model_loads(spec, tmp_path):
    with running_engine(spec, tmp_path / "log") as process:
        async with connected(spec.socket_path) as client:
            states = await client.until(lambda event: status(event) == "ready")

        assert states[0].status == "loading"
        assert {state.pid for state in states} == {process.pid}
        assert states[-1].memory_bytes > 10 << 20
        assert "float32" in states[-1].message


async def test_pings_are_answered_while_the_model_loads_and_works(spec, tmp_path):
    with running_engine(spec, tmp_path / "log"):
        async with connected(spec.socket_path) as client:
            client.send(Ping())
            said = await client.until(lambda event: isinstance(event, Pong))
            assert said[-1] == Pong(busy_s=0.0)
            assert "ready" not in map(status, said)

            await client.ready()
            client.send(submit(1, max_tokens=2000), Ping())
            said = await client.until(lambda event: isinstance(event, Pong))
            assert not [event for event in said if isinstance(event, Finished)]
            assert 0 <= said[-1].busy_s < TIMEOUT_S


async def test_requests_sent_before_the_model_is_there_wait_for_it(spec, tmp_path):
    with running_engine(spec, tmp_path / "log"):
        async with connected(spec.socket_path) as client:
            client.send(submit(1))

            events = await client.until(finished(1))

        admitted = events.index(Admitted(1, 0, newly_cached_tokens=2))
        assert "ready" in [status(event) for event in events[:admitted]]


async def test_a_sequence_lives_from_submit_to_finished(client):
    client.send(submit(1, max_tokens=3))

    events = await client.until(finished(1))

    assert is_admitted(events[0], 1)
    assert Prefilled(1, done_tokens=3, total_tokens=3) in events
    sampled = [event for event in events if isinstance(event, Sampled)]
    assert [event.sequence_ids for event in sampled] == [[1]] * 3
    assert events[-1] == Finished(1, "max_tokens")


async def test_clients_may_use_the_same_sequence_ids(engine, client):
    async with connected(engine[0].socket_path) as other:
        await other.ready()
        client.send(submit(1, [5, 6, 7], max_tokens=8))
        other.send(submit(1, [9, 8], max_tokens=8))

        mine, others = await asyncio.gather(
            client.until(finished(1)), other.until(finished(1))
        )

    assert len(drawn(mine)) == len(drawn(others)) == 8
    assert drawn(mine) != drawn(others)


async def test_cancelling_stops_a_sequence_also_during_its_prefill(client):
    client.send(submit(1, LONG * 20), submit(2, [1]))
    await client.until(lambda event: isinstance(event, Prefilled))

    client.send(Cancel(1), submit(3, [4], max_tokens=40))
    later = await client.until(finished(3))

    after = later[[is_admitted(event, 3) for event in later].index(True) :]
    assert {e.sequence_id for e in after if isinstance(e, Prefilled)} <= {2, 3}


async def test_a_request_that_cannot_be_done_is_refused(client):
    client.send(submit(1, [VOCAB_SIZE]))

    *others, refused = await client.until(lambda event: isinstance(event, Refused))

    assert all(isinstance(event, CacheReport) for event in others)
    assert refused.message == "token_ids: expected ids of 0 to 95, got 96"


async def test_a_client_that_goes_leaves_room_for_others(engine, client):
    """It held all places of the batch with prompts that would take minutes."""
    spec, _ = engine
    async with connected(spec.socket_path) as greedy:
        greedy.send(*(submit(i, LONG * 100) for i in range(spec.max_batch_size)))
        await greedy.until(lambda event: isinstance(event, Prefilled))

    assert await answers(client)


async def test_a_client_that_sends_no_frames_is_cut_off_and_others_are_not(
    engine, client
):
    async with connected(engine[0].socket_path, hello=False) as stranger:
        stranger.writer.write(b"GET / HTTP/1.1\r\n\r\n")

        assert await stranger.closed() == []

    assert await answers(client)


async def test_a_client_that_does_not_read_is_cut_off_and_others_are_not(
    engine, client
):
    async with connected(engine[0].socket_path, hello=False) as deaf:
        deaf.writer.transport.pause_reading()
        async with asyncio.timeout(TIMEOUT_S):
            with pytest.raises(ConnectionError):
                await flood(deaf)

    assert await answers(client)


async def flood(client: FrameClient) -> None:
    """Ask for refusals, 90 bytes each, without an end."""
    for sequence_id in itertools.count():
        client.send(submit(sequence_id, [VOCAB_SIZE]))
        await client.writer.drain()


async def test_quit_ends_the_process_at_once_and_takes_the_socket_away(spec, tmp_path):
    with running_engine(spec, tmp_path / "log") as process:
        async with connected(spec.socket_path) as client:
            await client.ready()

            client.send(submit(1, LONG * 100), Quit())
            await client.closed()

        assert await wait_for_exit(process) == 0
        assert not (tmp_path / "engine.sock").exists()


async def test_who_needs_the_engine_no_more_ends_it_unless_another_is_there(
    spec, tmp_path
):
    with running_engine(spec, tmp_path / "log") as process:
        async with connected(spec.socket_path) as first:
            await first.ready()
            async with connected(spec.socket_path) as second:
                await second.ready()

                first.send(Release())
                await first.closed()
                second.send(submit(1))
                await second.until(finished(1))

                second.send(Release())
                await second.closed()

        assert await wait_for_exit(process) == 0


async def test_sigterm_ends_the_process_also_while_it_loads(spec, tmp_path):
    with running_engine(spec, tmp_path / "log") as process:
        async with connected(spec.socket_path) as client:
            await client.until(status)

            os.kill(process.pid, signal.SIGTERM)

            assert await wait_for_exit(process) == 0


async def test_a_model_that_cannot_load_is_told_and_ends_the_process(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    spec = engine_spec(folder, tmp_path / "engine.sock")
    with running_engine(spec, tmp_path / "log") as process:
        async with connected(spec.socket_path) as client:
            states = await client.closed()

        assert states[-1].status == "failed"
        assert str(folder) in states[-1].message
        assert await wait_for_exit(process) == 1


async def test_an_engine_that_nobody_comes_to_ends(tiny_llama_path, tmp_path):
    spec = engine_spec(tiny_llama_path, tmp_path / "engine.sock", linger_s=0.2)
    with running_engine(spec, tmp_path / "log") as process:
        assert await wait_for_exit(process) == 0


async def test_an_engine_ends_some_time_after_its_last_client(
    tiny_llama_path, tmp_path
):
    spec = engine_spec(tiny_llama_path, tmp_path / "engine.sock", linger_s=1.5)
    with running_engine(spec, tmp_path / "log") as process:
        for _ in range(2):  # the second client finds the engine still there
            async with connected(spec.socket_path) as client:
                await client.ready()
                assert process.poll() is None

        assert await wait_for_exit(process) == 0


async def test_a_second_engine_leaves_the_socket_to_the_first(engine, client, tmp_path):
    with running_engine(engine[0], tmp_path / "log") as second:
        assert await wait_for_exit(second) == EXIT_SOCKET_TAKEN

    assert await answers(client)
