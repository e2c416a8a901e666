"""`pensieve claude`: the user's own Claude Code, for this once on the local model.

Only the environment of that one process is changed; its settings are not.
"""

import os
import shlex
import signal
import sys

import click

from pensieve.cli.claude_code import binary
from pensieve.cli.claude_code.environment import (
    MIN_WINDOW,
    PROMPT_TOKENS,
    REMOVED,
    Target,
    changed,
    environment,
    write_settings,
)
from pensieve.cli.claude_code.server import running_target, target
from pensieve.cli.manual.command import Command
from pensieve.cli.recommend import advice_in_words
from pensieve.config.load import load_settings
from pensieve.errors import PensieveError


@click.command(
    cls=Command,
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    add_help_option=False,
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def claude(words: tuple[str, ...]) -> None:
    """Run Claude Code on the local model; all words are its own.

    But for --print-env as the first: it shows the variables, and runs nothing. A server
    that runs is used with the model it has; where it is, PENSIEVE_PORT and the settings
    file say.
    """
    if words[:1] == ("--print-env",):
        _print(target())
        return
    program = binary.find()
    if program is None:
        raise PensieveError(
            "claude: expected Claude Code on PATH, found none; install it with:"
            f" {binary.INSTALL}"
        )
    server = running_target()
    _check_window(server, words)
    made = environment(server, os.environ)
    added = _added_words(server, words)
    sys.stdout.flush()
    sys.stderr.flush()
    # Python ignores it, and an ignored signal would stay so in Claude Code.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    os.execve(program, [str(program), *added, *words], made)


def _added_words(server: Target, words: tuple[str, ...]) -> list[str]:
    """Return what makes the environment hold against the user's settings.

    Those have an `env` that beats it. Settings that the user names in this call are
    his to answer for: Claude Code reads one file only.
    """
    if any(word == "--settings" or word.startswith("--settings=") for word in words):
        return []
    port = load_settings().settings.port
    return ["--settings", str(write_settings(server, os.environ, port))]


def _print(server: Target) -> None:
    for name, value in changed(server, os.environ).items():
        click.echo(f"{name}={shlex.quote(value)}")
    gone = [name for name in REMOVED if name in os.environ]
    if gone:
        click.echo(f"Taken out: {', '.join(gone)}", err=True)


def _check_window(server: Target, words: tuple[str, ...]) -> None:
    """Say that the model's window is too small, before Claude Code finds out.

    Raises:
        PensieveError: it cannot hold the prompt that is surely sent.
    """
    window = server.context_length
    if window >= MIN_WINDOW or "--bare" in words:
        return
    told = (
        f"{server.model} has room for {window} tokens; Claude Code's full prompt takes"
        f" {PROMPT_TOKENS:,}, and work with it {MIN_WINDOW:,} or more.\n"
        f"{advice_in_words()}\n"
        "With this model, use the short prompt: pensieve claude --bare"
    )
    # Other words may be of a kind that sends no prompt, such as `mcp list`.
    sends_prompt = not words or bool({"-p", "--print"} & set(words))
    if window < PROMPT_TOKENS and sends_prompt:
        raise PensieveError(told)
    click.echo(told, err=True)
