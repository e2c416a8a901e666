"""Verbs whose `--help` is a page: what, when, options, examples, exit status."""

from typing import Any

import click

from pensieve.cli.manual.page import EXITS
from pensieve.cli.manual.pages import PAGES


class Command(click.Command):
    """A verb with a page in `PAGES`, under the words that call it."""

    def __init__(self, name: str | None, **options: Any) -> None:
        super().__init__(name, **options)
        # What a function raises is for those who read the code.
        self.help = self.help and self.help.partition("\n    Raises:")[0]

    def format_help_text(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        """Write what it does, and when to use it."""
        super().format_help_text(ctx, formatter)
        if page := PAGES.get(words_of(ctx)):
            formatter.write_paragraph()
            with formatter.indentation():
                formatter.write_text(page.about)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the sections behind the options."""
        write_ending(words_of(ctx), formatter)


class Group(click.Group):
    """A verb that has verbs of its own."""

    command_class = Command

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the sections behind the list of its verbs."""
        write_ending(words_of(ctx), formatter)


def words_of(ctx: click.Context) -> str:
    """Return the words that call the context's verb: "cache status"."""
    # Not by its command_path, in which the program may be "python -m pensieve".
    words = ""
    while ctx.parent is not None:
        words = f"{ctx.info_name} {words}"
        ctx = ctx.parent
    return words.rstrip()


def write_ending(words: str, formatter: click.HelpFormatter) -> None:
    """Write a page's examples, exit statuses and related verbs."""
    page = PAGES.get(words)
    if page is None:
        return
    with formatter.section("Examples"):
        # As they are: a command line that is wrapped cannot be copied.
        indent = " " * formatter.current_indent
        for purpose, command in page.examples:
            if purpose:
                formatter.write(f"{indent}# {purpose}\n")
            formatter.write(f"{indent}{command}\n")
    with formatter.section("Exit status"):
        exits = EXITS | dict(page.exits)
        formatter.write_dl([(str(number), exits[number]) for number in sorted(exits)])
    with formatter.section("See also"):
        formatter.write_text(", ".join(f"pensieve {verb}" for verb in page.see_also))
