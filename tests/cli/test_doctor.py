"""`pensieve doctor`: each line in the states that it can have."""

import json
import socket
import stat
import subprocess
import sys
from collections import namedtuple

import msgspec
import pytest
from click.testing import CliRunner
from models.test_recommending import mac
from reference.small_gguf import write_gguf

from pensieve.cli import main
from pensieve.cli.doctor import machine_checks, model_checks, program_checks
from pensieve.config.load import load_settings
from pensieve.machine import Machine
from pensieve.machine_memory import Reading
from pensieve.models.files import describe
from pensieve.serve.pid_file import Server
from pensieve.serve.probe import Health

GB = 10**9


def linux(**changes):
    machine = Machine(
        system="Linux",
        release="Debian GNU/Linux 12",
        os_version=(2, 36),
        architecture="x86_64",
        chip="a CPU",
        num_cores=2,
        memory_bytes=16 << 30,
        device="CPU",
        gpu_bytes=None,
        wired_limit_mb=None,
        bandwidth=25,
    )
    return msgspec.structs.replace(machine, **changes)


def changed(machine, **changes):
    return msgspec.structs.replace(machine, **changes)


@pytest.mark.parametrize(
    ("machine", "status", "word"),
    [
        (linux(), "ok", ""),
        (linux(os_version=()), "ok", ""),
        (linux(os_version=(2, 31)), "fail", "2.31"),
        (linux(architecture="aarch64"), "warn", "x86_64"),
        (mac(16), "ok", ""),
        (changed(mac(16), os_version=(13, 6)), "fail", "14"),
        (changed(mac(16), architecture="x86_64"), "fail", "Apple Silicon"),
    ],
)
def test_systems_that_mlx_runs_on_and_others(machine, status, word):
    check = machine_checks.system(machine)

    assert check.status == status
    assert word in check.advice


def test_the_gpus_limit_is_explained_on_a_mac_only():
    assert list(machine_checks.wired_limit(linux(), GB)) == []
    (fits,) = machine_checks.wired_limit(mac(64), 40 * GB)
    assert (fits.status, fits.advice) == ("ok", "")
    assert "macOS's own choice" in fits.found

    (short,) = machine_checks.wired_limit(mac(64), 55 * GB)
    assert short.status == "warn"
    limit_mb = int(short.advice.partition("iogpu.wired_limit_mb=")[2].split()[0])
    assert 55 * GB <= limit_mb << 20 < 60 << 30

    (hopeless,) = machine_checks.wired_limit(mac(64), 80 * GB)
    assert "sysctl" not in hopeless.advice
    (set_by_hand,) = machine_checks.wired_limit(
        changed(mac(64), wired_limit_mb=40_960, gpu_bytes=40 << 30), None
    )
    assert "as set" in set_by_hand.found


@pytest.mark.parametrize(
    ("free", "status"), [(100 * GB, "ok"), (5 * GB, "warn"), (10**8, "fail")]
)
def test_disk_space(monkeypatch, free, status):
    usage = namedtuple("usage", "free")(free)
    monkeypatch.setattr(machine_checks.shutil, "disk_usage", lambda path: usage)

    (check,) = machine_checks.disk()

    assert check.status == status


def test_a_model_that_is_not_there_is_told_with_one_to_pull():
    check, description = model_checks.find_model("no/such-model")

    assert (check.status, description) == ("fail", None)
    assert "pensieve pull no/such-model" in check.found
    assert check.advice


def test_a_damaged_model_is_told(tmp_path):
    path = write_gguf(tmp_path / "a.gguf", architecture="unheard-of")
    check, description = model_checks.find_model(str(path))

    assert (check.status, description) == ("fail", None)


def test_windows(smollm2_path, tiny_model_path):
    short = model_checks.window(describe(smollm2_path))
    assert short.status == "warn"
    assert "--bare" in short.advice
    assert model_checks.window(describe(tiny_model_path)).status == "ok"


def test_memory_against_what_there_is(smollm2_path):
    """SmolLM2 takes 538 MB of weights and 377 MB of keys and values on a CPU."""
    description = describe(smollm2_path)

    def status(free_bytes, **machine):
        reading = None if free_bytes is None else Reading(free_bytes, "machine")
        check = model_checks.memory(description, linux(**machine), reading)
        assert "weights 538 MB" in check.found
        return check.status, check.advice

    assert status(10 * GB) == ("ok", "")
    assert status(None) == ("ok", "")
    verdict, advice = status(1_100_000_000)
    assert verdict == "warn"
    assert "longer ones are refused" in advice
    assert status(600_000_000)[0] == "warn"
    assert status(10 * GB, memory_bytes=512 << 20)[0] == "fail"


def settings(port):
    return load_settings({"port": port}).settings


def test_a_port_that_is_free_and_one_that_is_taken():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        check = program_checks.port(settings(port), None)
        assert check.status == "fail"
        assert f"port {port} is taken" in check.found
    assert program_checks.port(settings(port), None).status == "ok"


@pytest.mark.parametrize(
    ("health", "status"),
    [
        (Health("ready", model="m"), "ok"),
        (Health("loading", model="m"), "ok"),
        (Health("failed", "out of memory", model="m"), "fail"),
        (None, "fail"),
    ],
)
def test_a_server_that_runs(monkeypatch, health, status):
    monkeypatch.setattr(program_checks, "ask_health", lambda base_url: health)
    server = Server(1, 0.0, 7777, "127.0.0.1", "http://x", "m", 1.0, None, {})
    check = program_checks.port(settings(7777), server)

    assert check.status == status
    assert "restart" in check.advice or status == "ok"


def test_settings_that_cannot_be_used(monkeypatch):
    assert program_checks.config()[0].status == "ok"
    monkeypatch.setenv("PENSIEVE_PORT", "many")
    check, loaded = program_checks.config()

    assert (check.status, loaded) == ("fail", None)
    assert "PENSIEVE_PORT" in check.found


@pytest.mark.parametrize(
    ("says", "status"),
    [
        ("2.1.330 (Claude Code)", "ok"),
        ("9.0.0 (Claude Code)", "warn"),
        ("nothing of that kind", "warn"),
        (None, "warn"),
    ],
)
def test_claude_codes_versions(monkeypatch, tmp_path, says, status):
    if says is not None:
        program = tmp_path / "claude"
        program.write_text(f"#!/bin/sh\necho '{says}'\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    check = program_checks.claude_code()

    assert check.status == status
    assert bool(check.advice) == (status == "warn")


def backend_that(monkeypatch, program):
    command = [sys.executable, "-c", program]
    real = subprocess.run
    monkeypatch.setattr(
        program_checks.subprocess, "run", lambda words, **how: real(command, **how)
    )
    return program_checks.backend()


def test_mlx_that_works_that_is_slow_and_that_does_not(monkeypatch):
    assert program_checks.backend().status == "ok"
    slow = (
        'print(\'{"mlx": "1", "device": "Metal", "sampler": "MLX operations",'
        ' "problems": ["Metal draws wrongly"]}\')'
    )
    check = backend_that(monkeypatch, slow)
    assert check.status == "warn"
    assert "Metal draws wrongly" in check.advice


def test_mlx_that_ends_its_process_is_told_by_its_last_words(monkeypatch):
    check = backend_that(monkeypatch, "raise ImportError('no libmlx.so')")

    assert check.status == "fail"
    assert check.found == "ImportError: no libmlx.so"


def test_mlx_that_dies_of_a_signal_is_told(monkeypatch):
    check = backend_that(monkeypatch, "import os; os.kill(os.getpid(), 9)")

    assert check.status == "fail"
    assert check.found == "exit status -9"


@pytest.fixture
def quick(monkeypatch):
    """Leave out MLX, which takes seconds and was looked at above."""
    check = program_checks.ok("MLX", "left out")
    monkeypatch.setattr(program_checks, "backend", lambda: check)


def test_all_lines_on_this_machine_and_the_exit_status(quick, tiny_model_path):
    environ = {"PENSIEVE_MODEL": str(tiny_model_path), "PENSIEVE_PORT": free_port()}
    result = CliRunner().invoke(main, ["doctor", "--json"], env=environ)
    found = json.loads(result.stdout)

    names = [check["name"] for check in found]
    assert names[:4] == ["hardware", "system", "MLX", "settings"]
    assert {"port", "model", "window", "memory", "disk", "Claude Code"} <= set(names)
    failed = [check for check in found if check["status"] == "fail"]
    assert (result.exit_code, failed) == (0, [])


def test_a_failure_is_exit_status_1_and_says_what_to_do(quick):
    environ = {"PENSIEVE_MODEL": "no/such-model", "PENSIEVE_PORT": free_port()}
    result = CliRunner().invoke(main, ["doctor"], env=environ)

    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    (at,) = [i for i, line in enumerate(lines) if line.startswith("fail")]
    assert lines[at].split()[1] == "model"
    assert lines[at + 1].strip().startswith("→")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return str(free.getsockname()[1])
