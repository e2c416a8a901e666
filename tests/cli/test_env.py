"""`pensieve env`, read by real shells."""

import os
import shutil
import subprocess

import pytest
from click.testing import CliRunner

from pensieve.cli import main
from pensieve.cli.claude_code.environment import NAMES, REMOVED, Target

TARGET = Target("http://127.0.0.1:7000", 'it\'s a "$key" \\', "a model", 65_536)


@pytest.fixture
def env(monkeypatch):
    """Return a function that runs the verb, with a server that is known."""
    monkeypatch.setattr("pensieve.cli.claude_code.shell.target", lambda: TARGET)
    for name in (*NAMES, *REMOVED):
        monkeypatch.delenv(name, raising=False)

    def run(*words, shell="/bin/bash"):
        result = CliRunner().invoke(main, ["env", *words], env={"SHELL": shell})
        assert result.exit_code == 0, result.output
        return result.output

    return run


def check_takes_over(command):
    theirs = {"PATH": os.environ["PATH"], "ANTHROPIC_API_KEY": "theirs"}
    ran = subprocess.run(command, capture_output=True, env=theirs, check=True)
    lines = ran.stdout.decode().split("\0")
    got = dict(line.split("=", 1) for line in lines if "=" in line)

    assert got["ANTHROPIC_BASE_URL"] == TARGET.base_url
    assert got["ANTHROPIC_AUTH_TOKEN"] == TARGET.token
    assert got["ANTHROPIC_MODEL"] == "a model"
    assert "ANTHROPIC_API_KEY" not in got


def test_a_posix_shell_takes_it_over(env):
    check_takes_over(["sh", "-c", env() + "\nenv -0"])


@pytest.mark.skipif(shutil.which("fish") is None, reason="needs fish")
def test_fish_takes_it_over(env):
    check_takes_over(
        ["fish", "--no-config", "-c", env(shell="/usr/bin/fish") + "env -0"]
    )


def test_fish_is_written_in_its_own_quotes(env):
    said = env("--shell", "fish")

    assert "set -gx ANTHROPIC_AUTH_TOKEN 'it\\'s a \"$key\" \\\\'\n" in said
    assert "set -e ANTHROPIC_API_KEY\n" in said


def test_without_a_server_it_is_what_would_be_started(tiny_model_path):
    result = CliRunner().invoke(
        main, ["env"], env={"PENSIEVE_MODEL": str(tiny_model_path), "SHELL": "/bin/sh"}
    )

    assert result.exit_code == 0, result.output
    assert "export ANTHROPIC_MODEL=pensieve-tiny\n" in result.output
    assert "export CLAUDE_CODE_MAX_CONTEXT_TOKENS=131072\n" in result.output
