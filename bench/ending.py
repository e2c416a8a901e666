"""What every suite does with its outcomes: table, comparison, report, JSON line."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import click

from . import plot, report, stored
from .outcome import Change, Outcome
from .spread import NOISE_RULE, Verdict
from .table import change_table, console, outcome_table

_Command = TypeVar("_Command", bound=Callable[..., Any])


class Ending(NamedTuple):
    """What a person asked to be done with the outcomes."""

    save: str | None
    compare: str | None
    strict: bool
    report: Path | None
    plot: Path | None

    def check(self, suite: str) -> None:
        """Say now what would only be found out after a long run.

        Raises:
            ClickException: the plot cannot be drawn, or there is nothing to compare.
        """
        if self.plot:
            plot.check(self.plot)
        if self.compare:
            stored.load(self.compare, suite)


def ending_options(command: _Command) -> _Command:
    """Add the options that an Ending is made of; the command gets it as `ending`."""
    file = click.Path(dir_okay=False, writable=True, path_type=Path)
    options = (
        click.option("--save", metavar="NAME", help="Keep the result."),
        click.option(
            "--compare",
            metavar="NAME",
            help="Compare with a kept result, by the ratios to the baseline. Only"
            " told: machines differ from hour to hour.",
        ),
        click.option(
            "--strict",
            is_flag=True,
            help=f"With --compare: exit with 1 where something is slower. {NOISE_RULE}",
        ),
        click.option("--report", type=file, metavar="FILE", help="Write Markdown."),
        click.option(
            "--plot", type=file, metavar="FILE", help="Draw it (.svg or .png)."
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def finish(
    suite: str,
    outcomes: Sequence[Outcome],
    ending: Ending,
    changes: Sequence[Change] = (),
    **more: object,
) -> None:
    """Do what was asked for, print the JSON line last, and exit.

    Args:
        changes: between two builds; those exit with 1 where something is slower.
        more: for the record.
    """
    out = console()
    if outcomes:
        out.print(outcome_table(suite, outcomes))
    fails = bool(changes)
    if ending.compare:
        kept = stored.load(ending.compare, suite)
        changes = [*changes, *stored.changes_since(kept, outcomes)]
        fails = fails or ending.strict
    if changes:
        out.print(change_table(f"{suite}: changes", changes))
        out.print(f"[dim]{NOISE_RULE}[/dim]")
    line = stored.line_of(suite, outcomes, **more)
    if ending.report:
        report.write(ending.report, suite, outcomes, changes, line)
    if ending.plot:
        plot.draw(ending.plot, suite, outcomes)
    if ending.save:
        out.print(f"Saved: {stored.save(ending.save, line)}", soft_wrap=True)
    told = (Verdict.SLOWER, Verdict.FASTER)
    moved = [each for each in changes if each.verdict in told]
    for each in moved:
        out.print(f"{each.verdict.value}: {each.name}, {each.spread.median:.3f}")
    print(line, flush=True)
    if fails and any(each.verdict is Verdict.SLOWER for each in moved):
        sys.exit(1)
