"""`pensieve claude`, with a Claude Code that shows how it was called."""

import json
import os
import signal
import stat
import subprocess
import sys

import pytest
from click.testing import CliRunner

from pensieve.cli import main
from pensieve.cli.claude_code.environment import NAMES

SHOW = f"""#!{sys.executable}
import json, os, signal, sys
settings = None
if "--settings" in sys.argv:
    with open(sys.argv[sys.argv.index("--settings") + 1]) as file:
        settings = json.load(file)
print(json.dumps({{
    "words": sys.argv[1:], "environ": dict(os.environ), "stdin": sys.stdin.read(),
    "settings": settings, "pid": os.getpid(),
    "is_sigpipe_ignored": signal.getsignal(signal.SIGPIPE) == signal.SIG_IGN,
}}))
sys.exit(7)
"""
# Python ignores SIGPIPE itself, so only what another program inherits can tell.
SHOW_SIGNALS = """#!/bin/sh
grep SigIgn /proc/$$/status
"""

RUN = """
import sys
from pensieve.cli import main
from pensieve.serve.probe import Health

server = sys.modules["pensieve.cli.claude_code.server"]
status, window = sys.argv[1], int(sys.argv[2])
running = Health(status, "out of memory", model="small", context_length=window)
answers = [running] if status != "stopped" else []

def start(flags, foreground):
    print("Ready.")
    answers.append(Health("ready", model="small", context_length=window))

server.bring_up = start
server.ask_health = lambda base_url: answers[0] if answers else None
main(["claude", *sys.argv[3:]])
"""
"""The verb, with a server that is in a given state as far as it can see."""


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Put a Claude Code on PATH; return a function that changes it."""

    def install(text):
        binary = tmp_path / "claude"
        binary.write_text(text)
        binary.chmod(binary.stat().st_mode | stat.S_IXUSR)

    install(SHOW)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    return install


def run(*words, server="stopped", window=131_072, stdin=""):
    command = [sys.executable, "-c", RUN, server, str(window), *words]
    return subprocess.run(command, capture_output=True, text=True, input=stdin)


def shown(*words, **how):
    """Return what Claude Code saw, and what was said before."""
    ran = run(*words, **how)
    assert ran.returncode == 7, ran.stderr
    return json.loads(ran.stdout), ran.stderr


def test_all_words_and_stdin_come_through_and_so_does_the_exit_status(installed):
    seen, said = shown("-p", "say hi", "--help", "a b", "", stdin="some\ninput")

    assert seen["words"][0] == "--settings"
    assert seen["words"][2:] == ["-p", "say hi", "--help", "a b", ""]
    assert seen["stdin"] == "some\ninput"
    assert said == "Ready.\n"


def test_it_gets_an_environment_of_its_own(installed, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-the-users-own")
    monkeypatch.setenv("CLAUDE_CODE_USE_BEDROCK", "1")
    monkeypatch.setenv("EDITOR", "ed")
    environ = shown("-p", "hi")[0]["environ"]

    models = {environ[name] for name in NAMES if name.endswith("_MODEL")}
    assert models == {"small"}
    assert environ["ANTHROPIC_BASE_URL"] == "http://127.0.0.1:7777"
    assert environ["ANTHROPIC_AUTH_TOKEN"] == "pensieve-local-token"
    assert environ["CLAUDE_CODE_MAX_CONTEXT_TOKENS"] == "131072"
    assert environ["CLAUDE_CODE_AUTO_COMPACT_WINDOW"] == "131072"
    assert environ["CLAUDE_CODE_ATTRIBUTION_HEADER"] == "0"
    assert environ["CLAUDE_CODE_TOTAL_TOKENS_REMINDER"] == "off"
    assert environ["CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC"] == "1"
    assert environ["EDITOR"] == "ed"
    assert "ANTHROPIC_API_KEY" not in environ
    assert "CLAUDE_CODE_USE_BEDROCK" not in environ
    assert "DISABLE_AUTO_COMPACT" not in environ


def test_what_the_users_settings_files_say_is_beaten_by_a_file_of_pensieves(
    installed, own_home
):
    seen, _ = shown("-p", "hi")
    path = seen["words"][1]

    assert path.startswith(str(own_home))
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert seen["settings"]["permissions"] == {"disableAutoMode": "disable"}
    env = seen["settings"]["env"]
    assert env["ANTHROPIC_BASE_URL"] == seen["environ"]["ANTHROPIC_BASE_URL"]
    assert env["ANTHROPIC_API_KEY"] == env["CLAUDE_CODE_USE_BEDROCK"] == ""


def test_settings_that_the_user_names_are_not_replaced(installed, tmp_path):
    file = tmp_path / "own.json"
    file.write_text('{"model": "own"}')

    apart, _ = shown("--settings", str(file))
    joined, _ = shown(f"--settings={file}", server="ready")

    assert apart["words"] == ["--settings", str(file)]
    assert apart["settings"] == {"model": "own"}
    assert joined["words"] == [f"--settings={file}"]
    assert joined["environ"]["ANTHROPIC_BASE_URL"] == "http://127.0.0.1:7777"


def test_what_the_user_has_set_of_limits_stays(installed, monkeypatch):
    monkeypatch.setenv("CLAUDE_CODE_MAX_OUTPUT_TOKENS", "999")
    seen, _ = shown("-p", "hi")

    assert seen["environ"]["CLAUDE_CODE_MAX_OUTPUT_TOKENS"] == "999"
    assert seen["settings"]["env"]["CLAUDE_CODE_MAX_OUTPUT_TOKENS"] == "999"


def test_a_proxy_is_kept_out_of_the_way_to_this_machine(installed, monkeypatch):
    monkeypatch.setenv("https_proxy", "http://proxy:3128")
    monkeypatch.setenv("NO_PROXY", "intranet,localhost")
    environ = shown("-p", "hi")[0]["environ"]

    assert environ["NO_PROXY"] == "intranet,localhost,127.0.0.1,::1"
    assert environ["no_proxy"] == environ["NO_PROXY"]
    assert environ["https_proxy"] == "http://proxy:3128"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_no_signal_is_ignored_for_it(installed):
    installed(SHOW_SIGNALS)
    ran = run("-p", "hi")

    ignored = int(ran.stdout.split()[1], 16)
    assert not ignored & 1 << (signal.SIGPIPE - 1)


@pytest.mark.parametrize("words", [(), ("-p", "say hi"), ("--print",)])
def test_a_window_that_cannot_hold_the_prompt_is_refused_with_a_way_out(
    installed, words
):
    ran = run(*words, window=8192)

    assert ran.returncode == 1
    assert ran.stdout == ""
    assert "small has room for 8192 tokens" in ran.stderr
    assert "pensieve claude --bare" in ran.stderr
    assert "pensieve pull mlx-community/" in ran.stderr or "recommend" in ran.stderr


def test_with_words_that_may_send_no_prompt_it_is_only_told(installed):
    seen, said = shown("mcp", "list", window=8192)

    assert seen["words"][2:] == ["mcp", "list"]
    assert "small has room for 8192 tokens" in said


def test_a_window_that_is_tight_is_told_and_used(installed):
    _, said = shown("-p", "hi", window=32_768, server="ready")

    assert "room for 32768 tokens" in said


def test_the_short_prompt_needs_no_word_about_the_window(installed):
    seen, said = shown("--bare", "-p", "hi", window=8192, server="ready")

    assert said == ""
    assert seen["environ"]["DISABLE_AUTO_COMPACT"] == "1"
    assert int(seen["environ"]["CLAUDE_CODE_MAX_OUTPUT_TOKENS"]) == 2048


@pytest.mark.parametrize("state", ["ready", "loading"])
def test_a_server_that_runs_is_used_as_it_is(installed, state):
    _, said = shown("--bare", server=state)

    assert said == ""


def test_a_server_that_cannot_serve_is_told_with_its_reason(installed):
    ran = run("--bare", server="failed")

    assert ran.returncode == 1
    assert ran.stderr == "Error: http://127.0.0.1:7777: out of memory\n"
    assert ran.stdout == ""


def test_where_claude_code_is_missing_it_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))

    result = CliRunner().invoke(main, ["claude", "-p", "hi"])

    assert result.exit_code == 1
    assert "npm install -g @anthropic-ai/claude-code" in result.output


def test_one_that_its_installer_put_beside_path_is_found(monkeypatch, tmp_path):
    folder = tmp_path / ".local" / "bin"
    folder.mkdir(parents=True)
    (folder / "claude").write_text(SHOW)
    (folder / "claude").chmod(0o755)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("HOME", str(tmp_path))

    assert shown("-p", "hi", server="ready")[0]["words"][2:] == ["-p", "hi"]


def test_print_env_as_the_first_word_shows_and_runs_nothing(installed):
    ran = run("--print-env", server="ready")

    assert ran.returncode == 0
    lines = ran.stdout.splitlines()
    assert "ANTHROPIC_BASE_URL=http://127.0.0.1:7777" in lines
    assert {line.partition("=")[0] for line in lines} <= set(NAMES)
    assert "CLAUDE_CODE_MAX_CONTEXT_TOKENS=131072" in lines


def test_print_env_later_is_claude_codes(installed):
    seen, _ = shown("-p", "--print-env", server="ready")

    assert seen["words"][2:] == ["-p", "--print-env"]
