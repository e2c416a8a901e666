"""What runs: settings, the port and its server, MLX, and Claude Code."""

import subprocess
import sys

import msgspec

from pensieve import places
from pensieve.cli.claude_code import binary
from pensieve.cli.doctor.check import Check, fail, ok, warn
from pensieve.config.load import LoadedSettings, load_settings
from pensieve.config.schema import Settings
from pensieve.errors import ConfigError, PensieveError
from pensieve.serve import daemon, pid_file
from pensieve.serve.pid_file import Server
from pensieve.serve.probe import ask_health

_SELF_TEST_S = 120.0
"""Metal compiles its kernels on first use."""


class SelfTest(msgspec.Struct, frozen=True):
    """What `python -m pensieve.engine.self_test` prints."""

    mlx: str
    device: str
    sampler: str
    problems: list[str]


def config() -> tuple[Check, LoadedSettings | None]:
    """Look whether the settings can be used."""
    path = places.config_file()
    try:
        loaded = load_settings()
    except ConfigError as error:
        advice = "`pensieve config validate` checks it again"
        return fail("settings", str(error), advice), None
    where = str(path) if path.exists() else f"none at {path}: defaults"
    changed = sum(source != "default" for source in loaded.sources.values())
    return ok("settings", f"{where}; {changed} differ from the default"), loaded


def server_on_port(port: int) -> Server | None:
    """Return the server of this home that runs there."""
    server = pid_file.read(port)
    return server if server is not None and server.is_running() else None


def port(settings: Settings, server: Server | None) -> Check:
    """Look whether the port is free, or the server on it well."""
    if server is None:
        try:
            daemon.check_address(settings)
        except PensieveError as error:
            return fail("port", str(error), "or end what has it")
        return ok("port", f"{settings.address} is free")
    health = ask_health(server.base_url)
    if health is None:
        found = f"the server at {server.base_url} does not answer"
        return fail("port", found, "`pensieve restart` starts it anew")
    found = f"{server.base_url}: {health.model or server.model}, {health.status}"
    if health.status == "failed":
        advice = "`pensieve restart` starts it anew"
        return fail("port", f"{found}: {health.message}", advice)
    return ok("port", found)


def backend() -> Check:
    """Run MLX and the sampler's self-test, in a process of their own."""
    command = [sys.executable, "-P", "-m", "pensieve.engine.self_test"]
    try:
        ran = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SELF_TEST_S,
        )
    except subprocess.TimeoutExpired:
        found = f"no answer for {_SELF_TEST_S:.0f} s"
        return fail("MLX", found, "restart the machine: its GPU may hang")
    try:
        result = msgspec.json.decode(ran.stdout, type=SelfTest)
    except msgspec.DecodeError:
        words = ran.stderr.strip().splitlines() or [f"exit status {ran.returncode}"]
        advice = "install Pensieve anew: pip install --force-reinstall mlx"
        return fail("MLX", words[-1], advice)
    found = f"MLX {result.mlx} on {result.device}; sampler: {result.sampler}"
    if result.problems:
        advice = f"slower operations serve instead: {'; '.join(result.problems)}"
        return warn("MLX", found, advice)
    return ok("MLX", found)


def claude_code() -> Check:
    """Look for Claude Code, and whether its version was tested."""
    program = binary.find()
    if program is None:
        advice = f"{binary.INSTALL}, if you want to use it"
        return warn("Claude Code", "not installed", advice)
    version = binary.version(program)
    if version is None:
        found = f"{program} does not say its version"
        return warn("Claude Code", found, f"install it anew: {binary.INSTALL}")
    if version in binary.TESTED:
        return ok("Claude Code", f"{version}, which was tested, at {program}")
    tested = ", ".join(binary.TESTED)
    advice = f"tested are {tested}; if it fails, install one of these"
    return warn("Claude Code", f"{version} at {program}", advice)
