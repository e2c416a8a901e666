import os
import signal
import subprocess
import sys

import pytest

from pensieve.link.deaths import (
    FIRST_DELAY_S,
    MAX_DELAY_S,
    Cause,
    delay_s,
    end_of,
    is_blameless,
    num_oom_kills,
)
from pensieve.link.messages import EXIT_SOCKET_TAKEN


@pytest.mark.parametrize("exit_status", [0, EXIT_SOCKET_TAKEN, -signal.SIGTERM])
def test_who_ends_in_order_is_blameless(exit_status):
    assert is_blameless(exit_status)
    assert end_of(exit_status, is_out_of_memory=True).cause is Cause.IN_ORDER


@pytest.mark.parametrize(
    "exit_status", [1, 3, -signal.SIGABRT, -signal.SIGSEGV, -signal.SIGBUS]
)
def test_aborts_and_exit_statuses_are_crashes(exit_status):
    assert not is_blameless(exit_status)
    assert end_of(exit_status).cause is Cause.CRASH


def test_a_kill_comes_from_outside_unless_memory_ran_out():
    assert end_of(-signal.SIGKILL).cause is Cause.OUTSIDE
    assert end_of(-signal.SIGKILL, is_out_of_memory=True).cause is Cause.CRASH


def test_an_engine_of_another_worker_blames_nobody():
    assert end_of(None).cause is Cause.OUTSIDE


def test_the_reason_names_the_signal_or_the_status():
    assert end_of(-signal.SIGABRT).reason == "SIGABRT"
    assert end_of(3).reason == "exit status 3"
    assert "memory" in end_of(-signal.SIGKILL, is_out_of_memory=True).reason


def test_a_real_abort_is_told_from_a_real_kill():
    ends = [
        subprocess.run([sys.executable, "-c", f"import os; os.kill(os.getpid(), {n})"])
        for n in (signal.SIGABRT, signal.SIGKILL)
    ]

    assert [end_of(each.returncode).cause for each in ends] == [
        Cause.CRASH,
        Cause.OUTSIDE,
    ]


def test_delays_double_up_to_a_bound():
    delays = [delay_s(count) for count in range(1, 12)]

    assert delays[0] == FIRST_DELAY_S
    assert delays[:8] == [FIRST_DELAY_S * 2**i for i in range(8)]
    assert delays[-1] == MAX_DELAY_S == delay_s(10**6)


@pytest.mark.skipif(not os.path.exists("/proc/vmstat"), reason="Linux only")
def test_the_systems_own_kills_are_counted():
    assert num_oom_kills() >= 0
