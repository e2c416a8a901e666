"""A stand-in for `caffeinate` on a simulated Mac: no Mac has run this."""

import asyncio
import os
import sys

import psutil
import pytest

from pensieve.api import keep_awake as module
from pensieve.api.keep_awake import caffeinate, keep_awake

DEADLINE_S = 30


@pytest.fixture
def holder(tmp_path):
    """Return a command that writes its pid, and holds on."""
    script = "import os, sys, time; print(os.getpid(), file=open(sys.argv[1], 'a'))"
    script += "; time.sleep(300)"
    pids = tmp_path / "pids"
    pids.touch()
    return [sys.executable, "-c", script, str(pids)], pids


async def until(condition):
    async with asyncio.timeout(DEADLINE_S):
        while not condition():
            await asyncio.sleep(0.01)


def running(pids):
    return [int(pid) for pid in pids.read_text().split() if psutil.pid_exists(int(pid))]


async def test_it_is_held_while_requests_run_and_no_longer(holder):
    command, pids = holder
    state = {"busy": False}
    awake = keep_awake(
        lambda: state["busy"], True, lambda: command, look_interval_s=0.01, linger_s=0.0
    )
    async with awake:
        await asyncio.sleep(0.1)
        assert pids.read_text() == ""

        state["busy"] = True
        await until(lambda: running(pids))
        assert len(running(pids)) == 1

        state["busy"] = False
        await until(lambda: not running(pids))

        state["busy"] = True
        await until(lambda: running(pids))
    assert running(pids) == []
    assert len(pids.read_text().split()) == 2


async def test_a_pause_between_two_requests_does_not_let_it_go(holder):
    command, pids = holder
    state = {"busy": True}
    awake = keep_awake(
        lambda: state["busy"], True, lambda: command, look_interval_s=0.01, linger_s=300
    )
    async with awake:
        await until(lambda: running(pids))
        state["busy"] = False
        await asyncio.sleep(0.2)
        assert len(running(pids)) == 1


async def test_one_that_was_ended_from_outside_is_started_again(holder):
    command, pids = holder
    awake = keep_awake(lambda: True, True, lambda: command, look_interval_s=0.01)
    async with awake:
        await until(lambda: running(pids))
        psutil.Process(running(pids)[0]).kill()
        await until(lambda: len(pids.read_text().split()) == 2)


async def test_it_is_left_alone_where_that_is_not_wanted(holder):
    command, pids = holder
    async with keep_awake(lambda: True, False, lambda: command, look_interval_s=0.01):
        await asyncio.sleep(0.1)
    assert pids.read_text() == ""


async def test_a_command_that_cannot_be_run_costs_a_warning_only(caplog):
    async with keep_awake(lambda: True, True, lambda: ["/nowhere/caffeinate"]):
        await until(lambda: "may fall asleep" in caplog.text)


def test_a_mac_has_a_command_that_ends_with_this_process(tmp_path, monkeypatch):
    program = tmp_path / "caffeinate"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    monkeypatch.setattr(module.sys, "platform", "linux")
    assert caffeinate() is None
    monkeypatch.setattr(module.sys, "platform", "darwin")
    assert caffeinate() == [str(program), "-i", "-w", str(os.getpid())]
