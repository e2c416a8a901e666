"""`pensieve claude`: the user's own Claude Code, for this once on the local model.

Only the environment of that one process is changed; no settings are written.
"""

import contextlib
import os
import shutil
import sys

import click

from pensieve.cli.server import bring_up
from pensieve.config import load_settings
from pensieve.errors import PensieveError
from pensieve.keys import LOCAL_TOKEN
from pensieve.serve.probe import ask_health

FULL_PROMPT_TOKENS = 16_000
"""Claude Code's own prompt of some 12,300 tokens, and a little room to work in."""


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    add_help_option=False,
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def claude(words: tuple[str, ...]) -> None:
    """Run Claude Code on the local model; all words are its own.

    Starts the server if none runs; one that does is used with the model it has. Where
    it is, PENSIEVE_PORT and the settings file say.
    """
    binary = shutil.which("claude")
    if binary is None:
        raise PensieveError(
            "claude: expected Claude Code on PATH, found none; install it with:"
            " npm install -g @anthropic-ai/claude-code"
        )
    settings = load_settings().settings
    health = ask_health(settings.base_url)
    if health is None:
        with contextlib.redirect_stdout(sys.stderr):  # stdout is Claude Code's
            bring_up({}, foreground=False)
        health = ask_health(settings.base_url)
    if health is None or health.status == "failed":
        why = health.message if health else "nothing answers"
        raise PensieveError(f"{settings.base_url}: {why}")
    if health.context_length < FULL_PROMPT_TOKENS and "--bare" not in words:
        click.echo(
            f"{health.model} has room for {health.context_length} tokens; Claude Code's"
            " full prompt takes 12,300: use --bare, or a model with a larger window.",
            err=True,
        )
    os.execve(
        binary,
        [binary, *words],
        environment(settings.base_url, settings.api_key, health.context_length),
    )


def environment(
    base_url: str, api_key: str | None, context_length: int
) -> dict[str, str]:
    """Return this process's environment, pointed at the local server."""
    theirs = {
        name: value
        for name, value in os.environ.items()
        if name not in ("ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_USE_BEDROCK")
    }
    return theirs | {
        "ANTHROPIC_BASE_URL": base_url,
        "ANTHROPIC_API_KEY": api_key or LOCAL_TOKEN,
        "CLAUDE_CODE_MAX_CONTEXT_TOKENS": str(context_length),
        # The block differs with every conversation; the server drops it in any case.
        "CLAUDE_CODE_ATTRIBUTION_HEADER": "0",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    }
