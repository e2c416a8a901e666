"""`pensieve help`: a verb's page, as its `--help` shows it."""

import click

from pensieve.cli.manual.command import Command


@click.command(name="help", cls=Command)
@click.argument("words", nargs=-1, metavar="[VERB]...")
@click.pass_context
def help_verb(ctx: click.Context, words: tuple[str, ...]) -> None:
    """Show what a verb does, or which verbs there are."""
    parent = ctx.parent
    assert parent is not None  # it stands in the group of all verbs
    for word in words:
        group = parent.command
        command = None
        if isinstance(group, click.Group):
            command = group.get_command(parent, word)
        if command is None:
            raise click.UsageError(f"No such command '{word}'.", parent)
        parent = click.Context(command, info_name=word, parent=parent)
    click.echo(parent.command.get_help(parent))
