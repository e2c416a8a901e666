import os
import stat
import subprocess
import sys

import pytest
from click.testing import CliRunner

from pensieve.cli import main

SHOW = """#!/bin/sh
echo "words: $*"
env | grep -E '^(ANTHROPIC|CLAUDE)' | sort
exit 7
"""


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Put a Claude Code on PATH that shows how it was called."""
    binary = tmp_path / "claude"
    binary.write_text(SHOW)
    binary.chmod(binary.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")


RUN = """
import sys
from pensieve.cli import main
from pensieve.serve.probe import Health

claude = sys.modules["pensieve.cli.claude"]
running = Health(sys.argv[1], "out of memory", model="small", context_length=8192)
answers = [running] if sys.argv[1] != "stopped" else []

def start(flags, foreground):
    print("Ready.")
    answers.append(Health("ready", model="small", context_length=8192))

claude.bring_up = start
claude.ask_health = lambda base_url: answers[0] if answers else None
main(["claude", *sys.argv[2:]])
"""
"""The verb, with a server that is in a given state as far as it can see."""


def run(*words, server="stopped"):
    command = [sys.executable, "-c", RUN, server, *words]
    return subprocess.run(command, capture_output=True, text=True)


def test_claude_code_gets_all_words_and_an_environment_of_its_own(
    installed, monkeypatch
):
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "the-users-own")
    ran = run("--bare", "-p", "say hi", "--help")

    assert ran.returncode == 7
    assert ran.stderr == "Ready.\n"
    assert ran.stdout.splitlines() == [
        "words: --bare -p say hi --help",
        "ANTHROPIC_API_KEY=pensieve-local-token",
        "ANTHROPIC_BASE_URL=http://127.0.0.1:7777",
        "CLAUDE_CODE_ATTRIBUTION_HEADER=0",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1",
        "CLAUDE_CODE_MAX_CONTEXT_TOKENS=8192",
    ]


def test_a_window_too_small_for_the_full_prompt_is_told_beforehand(installed):
    ran = run("-p", "say hi")

    assert "small has room for 8192 tokens" in ran.stderr
    assert "--bare" in ran.stderr


@pytest.mark.parametrize("state", ["ready", "loading"])
def test_a_server_that_runs_is_used_as_it_is(installed, state):
    ran = run("--bare", server=state)

    assert ran.returncode == 7
    assert ran.stderr == ""


def test_a_server_that_cannot_serve_is_told_with_its_reason(installed):
    ran = run("--bare", server="failed")

    assert ran.returncode == 1
    assert ran.stderr == "Error: http://127.0.0.1:7777: out of memory\n"
    assert ran.stdout == ""


def test_where_claude_code_is_missing_it_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))

    result = CliRunner().invoke(main, ["claude", "-p", "hi"])

    assert result.exit_code == 1
    assert "npm install -g @anthropic-ai/claude-code" in result.output
