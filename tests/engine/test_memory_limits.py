"""Real engines in too little memory: what does not fit is refused, the rest goes on.

The limits are real ones, set on the engine's process from outside: `ulimit -v`, and a
control group where the tests may make one.
"""

import asyncio
import contextlib
import os
import sys
import time
from pathlib import Path

import psutil
import pytest
from engine.engine_process import (
    TIMEOUT_S,
    connected,
    engine_spec,
    running_engine,
    wait_for_exit,
)
from engine.test_survival import Spawner, started

from pensieve.errors import OverloadedError
from pensieve.link.messages import (
    EXIT_MEMORY,
    Admitted,
    Failed,
    Finished,
    Refused,
    SamplingParams,
    Submit,
)
from pensieve.link.process import quit_engine
from pensieve.memory_states import MemoryState, MemoryThresholds

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="limits of another process can be set on Linux only"
)

MB = 1 << 20
SAFE, CAUTION, WARNING, CRITICAL, EMERGENCY = MemoryState
THRESHOLDS = MemoryThresholds(400 * MB, 300 * MB, 200 * MB, 100 * MB)
FREE_MB = {SAFE: 900, CAUTION: 350, WARNING: 250, CRITICAL: 150, EMERGENCY: 50}
CHUNK = 2048
"""Large, so that a prompt's scores on the way take gigabytes of this small model."""
TOO_LONG = [(7 * i) % 96 for i in range(60_000)]
GREEDY = SamplingParams(seed=0, temperature=0)


def limit(pid: int, free_mb: int) -> None:
    """Leave a process so much address space."""
    import resource

    process = psutil.Process(pid)
    soft = process.memory_info().vms + free_mb * MB
    resource.prlimit(pid, resource.RLIMIT_AS, (soft, resource.RLIM_INFINITY))


@contextlib.contextmanager
def control_group(pid: int, limit_mb: int):
    """Move a process into a group of its own; what it has taken is not counted there.

    Of version 1, below the group that the tests are in.
    """
    lines = Path("/proc/self/cgroup").read_text().splitlines()
    groups = dict(line.split(":", 2)[1:] for line in lines)
    parent = Path(f"/sys/fs/cgroup/memory{groups.get('memory', '')}")
    group = parent / f"pensieve-test-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"no control group can be made here: {error}")
    try:
        (group / "memory.limit_in_bytes").write_text(str(limit_mb * MB))
        (group / "cgroup.procs").write_text(str(pid))
        yield group
    finally:
        (parent / "cgroup.procs").write_text(str(pid))
        deadline = time.monotonic() + TIMEOUT_S
        while group.exists() and time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                group.rmdir()


@pytest.fixture
def spec(tiny_llama_path, tmp_path):
    return engine_spec(
        tiny_llama_path,
        tmp_path / "engine.sock",
        prefill_chunk=CHUNK,
        memory=THRESHOLDS,
        prefix_cache_bytes=64 * MB,
    )


def submit(sequence_id, token_ids, max_tokens=5) -> Submit:
    size = len(token_ids)
    return Submit(sequence_id, token_ids, max_tokens, [], GREEDY, size)


def end_of(sequence_id):
    def is_its_end(event) -> bool:
        ends = isinstance(event, Finished | Failed | Refused)
        return ends and event.sequence_id == sequence_id

    return is_its_end


async def refuses_what_does_not_fit_and_answers_the_next(client) -> None:
    client.send(submit(1, TOO_LONG))
    refused = (await client.until(end_of(1)))[-1]
    assert isinstance(refused, Refused)
    assert refused.message.startswith("prompt is too long: 60000 tokens > ")

    client.send(submit(2, [5, 6, 7]))
    assert (await client.until(end_of(2)))[-1] == Finished(2, "max_tokens")


async def test_in_a_limited_address_space(spec, tmp_path):
    with running_engine(spec, tmp_path / "log") as process:
        async with connected(spec.socket_path) as client:
            await client.ready()
            limit(process.pid, FREE_MB[SAFE])

            await refuses_what_does_not_fit_and_answers_the_next(client)

        assert process.poll() is None


async def test_in_a_limited_control_group(spec, tmp_path):
    with running_engine(spec, tmp_path / "log") as process:
        async with connected(spec.socket_path) as client:
            await client.ready()
            with control_group(process.pid, limit_mb=FREE_MB[SAFE]) as group:
                report = await client.report(lambda each: each.bound != "machine")
                assert report.bound == "control group"
                assert report.free_bytes <= FREE_MB[SAFE] * MB

                await refuses_what_does_not_fit_and_answers_the_next(client)
                assert (group / "memory.failcnt").read_text() == "0\n"

        assert process.poll() is None


async def test_each_state_is_reached_and_left_again(spec, tmp_path):
    with running_engine(spec, tmp_path / "log") as process:
        async with connected(spec.socket_path) as client:
            await client.ready()
            for state in [CAUTION, WARNING, CRITICAL, EMERGENCY, SAFE]:
                client.reports.clear()
                limit(process.pid, FREE_MB[state])

                report = await client.report(lambda each, s=state: each.state is s)

                assert report.bound == "process limit"
            client.send(submit(1, [5, 6, 7]))
            assert (await client.until(end_of(1)))[-1] == Finished(1, "max_tokens")

        log = (tmp_path / "log").read_text()
        for state in [CAUTION, WARNING, CRITICAL, EMERGENCY, SAFE]:
            assert f"memory: {state.label}, " in log


async def test_an_engine_in_an_emergency_ends_the_largest_and_then_itself(
    spec, tmp_path
):
    with running_engine(spec, tmp_path / "log") as process:
        async with connected(spec.socket_path) as client:
            await client.ready()
            client.send(submit(1, [5] * 300, 100_000), submit(2, [6] * 30, 100_000))
            await client.until(lambda event: isinstance(event, Admitted))
            limit(process.pid, FREE_MB[EMERGENCY])

            events = await client.closed()

        failed = [each for each in events if isinstance(each, Failed)]
        assert [(each.sequence_id, each.is_overload) for each in failed] == [(1, True)]
        assert client.reports[-1].ends_engine
        assert await wait_for_exit(process) == EXIT_MEMORY


async def test_others_go_on_in_the_next_engine_as_if_nothing_had_been(spec):
    spawner = Spawner()
    try:
        async with started(spec, spawner) as client:
            largest = asyncio.create_task(tokens(client, [5] * 300, 100_000))
            other = client.submit([6] * 30, 100_000, [], GREEDY)
            await other.admitted()
            while client.health().active < 2:
                await asyncio.sleep(0.01)
            limit(client.health().pid, FREE_MB[EMERGENCY])

            with pytest.raises(OverloadedError, match="which was this one"):
                await largest
            survived = await tokens_past_a_restart(client, other)
            assert client.memory().done == "ended the engine, to start it again empty"
            assert survived == await tokens(client, [6] * 30, len(survived))
    finally:
        await asyncio.to_thread(quit_engine, Path(spec.socket_path))
        for process in spawner.processes:
            process.wait(TIMEOUT_S)


async def tokens_past_a_restart(client, sequence) -> list[int]:
    """Return a sequence's tokens up to some that the next engine made."""
    token_ids, size_before = [], 0
    async with sequence, asyncio.timeout(TIMEOUT_S):
        async for together in sequence:
            token_ids += together
            if client.health().restarts == 0:
                size_before = len(token_ids)
            elif len(token_ids) > size_before + 20:
                break
    return token_ids


async def tokens(client, prompt, max_tokens) -> list[int]:
    arguments = (prompt, max_tokens, [], GREEDY)
    async with client.submit(*arguments) as sequence, asyncio.timeout(TIMEOUT_S):
        return [each async for together in sequence for each in together]
