"""`pensieve pull`, `list`, `rm`: the models on this machine."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from pensieve.cli.manual.command import Command
from pensieve.cli.tables import show_table
from pensieve.errors import ModelError
from pensieve.models import store
from pensieve.models.aliases import ALIASES
from pensieve.models.files import describe
from pensieve.models.pulling.progress import Progress, Report
from pensieve.models.pulling.pull import pull as pull_model
from pensieve.models.sizes import size_text
from pensieve.models.staging import unfinished

_NAMES = f"""\b
NAME is one of
  {", ".join(ALIASES)}: known by a short name
  org/repo: a repository of the Hugging Face hub
  org/repo:Q4_K_M: of one with several GGUF files, that one
  ./path: a .gguf file or a model folder, which stays where it is"""


@click.command(
    cls=Command,
    help=f"Fetch a model, and go on where an earlier pull broke off.\n\n{_NAMES}",
)
@click.argument("name")
def pull(name: str) -> None:
    """Fetch a model.

    Raises:
        ModelError: it cannot be had.
    """
    if path := store.find(name):
        click.echo(f"{name} is here already: {path}")
        return
    try:
        with _shown() as report:
            path = pull_model(name, report)
    except KeyboardInterrupt:
        if name not in ALIASES:  # those are small, and begun anew
            again = f"`pensieve pull {name}` goes on from there"
            click.echo(f"What has come is kept; {again}.", err=True)
        raise
    full_name = next(each.name for each in store.installed() if each.path == path)
    description = describe(path)
    facts = f"{description.architecture}, {size_text(description.size_bytes)}"
    click.echo(f"Pulled {full_name}: {facts}, at {path}")


@click.command(name="list", cls=Command)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
def list_models(as_json: bool) -> None:
    """List the models that are here."""
    rows = [_row(model) for model in store.installed()]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    elif rows:
        headers = ("Name", "Format", "Architecture", "Size", "Context")
        show_table(headers, [_cells(row) for row in rows])
    else:
        click.echo("No models yet; `pensieve pull smollm2` fetches a small one.")
    for name, num_bytes in unfinished().items():
        ways = "`pensieve pull` goes on with it, `pensieve rm` removes it"
        click.echo(f"{name}: {size_text(num_bytes)} so far; {ways}", err=True)


@click.command(cls=Command)
@click.argument("name")
def rm(name: str) -> None:
    """Remove a model that was pulled; one that was registered by its path stays there.

    Raises:
        ModelError: there is no such model.
    """
    click.echo(f"Removed {store.remove(name)}")


def _row(model: store.Installed) -> dict[str, Any]:
    """Return what `list --json` says of a model, `problem` for one that is damaged."""
    row: dict[str, Any] = {"name": model.name, "path": str(model.path)}
    try:
        description = describe(model.path)
    except ModelError as error:
        return row | {"problem": str(error)}
    return row | {
        "format": description.format,
        "architecture": description.architecture,
        "context_length": description.context_length,
        "size_bytes": description.size_bytes,
    }


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    if "problem" in row:
        return row["name"], "", row["problem"], "", ""
    size, context = size_text(row["size_bytes"]), f"{row['context_length']} tokens"
    return row["name"], row["format"], row["architecture"], size, context


@contextmanager
def _shown() -> Iterator[Report]:
    """Give what shows a pull on stderr: a bar on a terminal, else a line a step."""
    if sys.stderr.isatty():
        with _bar() as report:
            yield report
        return
    last_step = ""

    def say_step(progress: Progress) -> None:
        nonlocal last_step
        if progress.step != last_step:
            last_step = progress.step
            click.echo(_step_text(progress), err=True)

    yield say_step


@contextmanager
def _bar() -> Iterator[Report]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=Console(stderr=True)) as bars:
        task = bars.add_task("", total=None)
        resumed_bytes = 0

        def show(progress: Progress) -> None:
            nonlocal resumed_bytes
            if progress.resumed_bytes != resumed_bytes:  # no part of the rate
                resumed_bytes = progress.resumed_bytes
                bars.reset(task, completed=progress.done_bytes)
            bars.update(
                task,
                description=_step_text(progress),
                completed=progress.done_bytes,
                total=progress.total_bytes,
            )

        yield show


def _step_text(progress: Progress) -> str:
    resumed = progress.resumed_bytes
    return progress.step + (f" ({size_text(resumed)} resumed)" if resumed else "")
