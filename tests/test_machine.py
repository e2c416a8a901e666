"""Machines as `sysctl` and others tell of them; Macs are simulated."""

import sys

import pytest

from pensieve import machine
from pensieve.machine import BANDWIDTHS, default_wired_bytes, read_machine, run_command

GIB = 1 << 30


def told(**answers):
    """Return what runs commands, by the last word of each."""
    return lambda command: answers.get(command[-1].replace(".", "_"), "")


@pytest.fixture
def mac(monkeypatch):
    """Return a function that reads a Mac of so much memory."""

    def read(memory_bytes, **answers):
        monkeypatch.setattr(machine.sys, "platform", "darwin")
        monkeypatch.setattr(machine.platform, "machine", lambda: "arm64")
        monkeypatch.setattr(
            machine.platform, "mac_ver", lambda: ("26.2", ("", "", ""), "arm64")
        )
        monkeypatch.setattr(machine, "_memory_bytes", lambda: memory_bytes)
        return read_machine(told(**answers))

    return read


def test_a_mac_tells_its_chip_and_its_limit(mac):
    found = mac(
        64 * GIB,
        machdep_cpu_brand_string="Apple M4 Max",
        iogpu_wired_limit_mb="49152",
    )

    assert found.chip == "Apple M4 Max"
    assert found.bandwidth == BANDWIDTHS["M4 Max"]
    assert found.release == "macOS 26.2"
    assert found.os_version == (26, 2)
    assert found.device == "Metal"
    assert found.wired_limit_mb == 49_152
    assert found.usable_bytes == found.gpu_bytes == 48 * GIB


@pytest.mark.parametrize("limit", ["0", "", "unknown oid"])
def test_without_a_limit_macos_chooses(mac, limit):
    found = mac(16 * GIB, iogpu_wired_limit_mb=limit)

    assert found.wired_limit_mb == 0
    assert found.gpu_bytes == default_wired_bytes(16 * GIB) == 16 * GIB * 2 // 3
    assert default_wired_bytes(64 * GIB) == 48 * GIB


def test_a_chip_that_is_not_known_has_no_bandwidth(mac):
    assert mac(GIB, machdep_cpu_brand_string="Apple M9 Max").bandwidth is None


@pytest.mark.skipif(sys.platform != "linux", reason="reads a Linux machine")
def test_this_machine_is_read():
    found = read_machine()

    assert found.system == "Linux"
    assert found.chip
    assert found.num_cores >= 1
    assert GIB < found.memory_bytes < 1 << 50
    assert found.usable_bytes > 0
    assert found.wired_limit_mb is None


def test_a_command_that_fails_or_is_not_there_says_nothing():
    assert run_command([sys.executable, "-c", "print('said')"]) == "said"
    assert run_command([sys.executable, "-c", "print(1); exit(1)"]) == ""
    assert run_command(["no-such-command-anywhere"]) == ""
