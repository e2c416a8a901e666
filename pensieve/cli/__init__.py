"""The `pensieve` command: what a person types; one module a family of verbs.

Exit status: 0 done; 1 a failure, told in one sentence on stderr; 2 a command line that
is not understood; 3 from `pensieve status` where nothing runs; 130 interrupted.
"""

import sys
from typing import Any

import click

from pensieve.cli.ask import ask
from pensieve.cli.cache import cache
from pensieve.cli.chat.chat import chat
from pensieve.cli.claude_code.claude import claude
from pensieve.cli.claude_code.project import setup
from pensieve.cli.claude_code.shell import env
from pensieve.cli.config import config
from pensieve.cli.doctor.doctor import doctor
from pensieve.cli.inspect import inspect
from pensieve.cli.logs import logs
from pensieve.cli.manual.command import Group
from pensieve.cli.manual.help import help_verb
from pensieve.cli.models import list_models, pull, rm
from pensieve.cli.recommend import models
from pensieve.cli.reload import reload
from pensieve.cli.server import restart, start, status, stop
from pensieve.cli.service import service
from pensieve.cli.top.top import top
from pensieve.cli.version import version
from pensieve.errors import PensieveError

INTERRUPTED = 130


class Verbs(Group):
    """Verbs in the order of their use, their failures told in one sentence."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs as they were added, where click would sort them."""
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a verb.

        Raises:
            ClickException: it failed in a way that a person can do something about.
        """
        try:
            return super().invoke(ctx)
        except PensieveError as error:
            raise click.ClickException(str(error)) from error
        except OSError as error:
            # A reader that has gone (`| head`) is click's to end quietly.
            if isinstance(error, BrokenPipeError) or error.strerror is None:
                raise
            where = f"{error.filename}: " if error.filename else ""
            raise click.ClickException(f"{where}{error.strerror}") from error
        except KeyboardInterrupt:
            click.echo("Interrupted.", err=True)
            sys.exit(INTERRUPTED)


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Serve a local model through Anthropic's Messages API."""


VERBS = (
    *(start, stop, restart, reload, status, top, logs, service),
    *(ask, chat, claude, env, setup, doctor),
    *(pull, list_models, models, inspect, rm, cache, config, version),
    help_verb,
)
for verb in VERBS:
    main.add_command(verb)
