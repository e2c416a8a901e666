"""Tables: aligned on a terminal, tabs between the cells elsewhere."""

import sys
from collections.abc import Iterable, Sequence

import click

Row = Sequence[str]


def printable(text: str, keeps: str = "") -> str:
    """Return a text that is shown as it is: what moves a cursor becomes an escape.

    Texts of model files are not trusted; nor may a tab or a newline break a row.

    Args:
        keeps: characters that stay whatever they do.
    """
    return "".join(
        character
        if character.isprintable() or character in keeps
        else character.encode("unicode_escape").decode()
        for character in text
    )


def show_table(headers: Row, rows: Iterable[Row], title: str = "") -> None:
    """Print the rows, on a terminal below their headers.

    Args:
        headers: none of them: a table without.
        title: a line of its own before the table.
    """
    cells = [[printable(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        if title:
            click.echo(title)
        for row in cells:
            click.echo("\t".join(row))
        return
    # Not at the top: rich takes longer to import than most verbs take to run.
    from rich.console import Console
    from rich.table import Table

    table = Table(
        *headers,
        box=None,
        title=title or None,
        title_justify="left",
        title_style="bold",
        show_header=bool(headers),
    )
    for row in cells:
        table.add_row(*row)
    Console(markup=False, emoji=False, highlight=False).print(table)
