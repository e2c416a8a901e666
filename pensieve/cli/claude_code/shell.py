"""`pensieve env`: the same variables, for a shell and what is started from it."""

import os
import shlex
from pathlib import Path

import click

from pensieve.cli.claude_code.environment import REMOVED, changed
from pensieve.cli.claude_code.server import target
from pensieve.cli.manual.command import Command

SHELLS = ("sh", "fish")


@click.command(cls=Command)
@click.option(
    "--shell",
    type=click.Choice(SHELLS),
    help="Whose language: sh (bash, zsh, …) or fish. [default: by $SHELL]",
)
def env(shell: str | None) -> None:
    """Print what points other tools at the server, for a shell to read."""
    name = Path(os.environ.get("SHELL", "")).name
    is_fish = (shell or name) == "fish"
    for variable, value in changed(target(), os.environ).items():
        click.echo(
            f"set -gx {variable} {_fish_quoted(value)}"
            if is_fish
            else f"export {variable}={shlex.quote(value)}"
        )
    for variable in REMOVED:
        click.echo(f"set -e {variable}" if is_fish else f"unset {variable}")


def _fish_quoted(value: str) -> str:
    """Return it in single quotes, in which fish knows two escapes."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
