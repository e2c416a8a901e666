"""The real Claude Code, in a home of its own, pointed at a server of this run's own."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

SDK = "claude-agent-sdk==0.2.187"
"""Bundles Claude Code 2.1.330 as a binary, for this platform."""

CACHE = Path(__file__).parent.parent.parent / ".cache"


@pytest.fixture(scope="session")
def claude_binary():
    """Return the path of Claude Code, fetched once by pip."""
    target = CACHE / SDK.replace("==", "-")
    binary = target / "claude_agent_sdk" / "_bundled" / "claude"
    if not binary.exists():
        part = target.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
        subprocess.run([*install, "--target", str(part), SDK], check=True)
        part.rename(target)
    return binary


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """Start a server by the command line; return its base URL.

    Of the pulled alias, whose sampling defaults are those of the model's card: at the
    API's temperature of 1 so small a model talks on and on.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    home = tmp_path_factory.mktemp("claude-server")
    environ = {**os.environ, "PENSIEVE_HOME": str(home)}

    def pensieve(*words):
        command = [sys.executable, "-m", "pensieve", *words]
        subprocess.run(command, env=environ, check=True, timeout=120)

    pensieve("pull", "smollm2")
    pensieve("start", "--model", "smollm2", "--port", port)
    yield f"http://127.0.0.1:{port}"
    pensieve("stop", "--port", port)


@pytest.fixture
def claude(claude_binary, server, tmp_path):
    """Return a function that runs Claude Code to its end."""

    def run(*words, **variables):
        workplace = tmp_path / "project"
        workplace.mkdir(exist_ok=True)
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "CLAUDE_CONFIG_DIR": str(tmp_path / ".claude"),
            "TERM": "xterm",
            "LANG": "C.UTF-8",
            "ANTHROPIC_BASE_URL": server,
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_TELEMETRY": "1",
            "DISABLE_AUTOUPDATER": "1",
            "DISABLE_ERROR_REPORTING": "1",
            "CLAUDE_CODE_MAX_OUTPUT_TOKENS": "128",
            **variables,
        }
        return subprocess.run(
            [str(claude_binary), *words],
            cwd=workplace,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=240,
        )

    return run
