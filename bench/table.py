"""Outcomes as a table for people."""

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from .outcome import Change, Outcome
from .spread import Spread, Verdict

_PREFIXES = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
_COLOURS = {
    Verdict.SLOWER: "red",
    Verdict.FASTER: "green",
    Verdict.SAME: "dim",
    Verdict.UNSURE: "dim",
}


def amount(value: float, unit: str) -> str:
    """Return a value with three digits and its unit, seconds in a fitting one."""
    if unit == "s":
        size, unit = next((p for p in _PREFIXES if abs(value) >= p[0]), _PREFIXES[-1])
        value /= size
    return f"{value:.{max(0, 3 - len(str(int(abs(value)))))}f} {unit}".strip()


def spread_text(each: Spread) -> str:
    """Return how far the values are from their median, in the middle."""
    if each.num_values == 1:
        return "one run"
    return f"±{each.mad / abs(each.median):.1%}" if each.median else "±0"


def rate(outcome: Outcome, each: Spread) -> str:
    """Return the bytes a second; empty where there are none."""
    if not outcome.num_bytes or outcome.unit != "s":
        return ""
    return f"{outcome.num_bytes / each.median / 1e6:.0f} MB/s"


def ratio_text(outcome: Outcome, name: str) -> str:
    """Return a figure over the baseline's; of the subject with its interval."""
    base = outcome.spreads[outcome.baseline] if outcome.baseline else None
    if base is None or name == outcome.baseline:
        return "baseline" if base else ""
    if name == outcome.subject and (ratio := outcome.ratio):
        return f"{ratio.median:.3g} [{ratio.low:.3g}, {ratio.high:.3g}]"
    return f"{outcome.spreads[name].median / base.median:.3g}"


def rows(outcome: Outcome) -> list[tuple[str, ...]]:
    """Return a row for each of an outcome's names."""
    return [
        (
            outcome.name if name == outcome.subject else "",
            name,
            amount(each.median, outcome.unit),
            spread_text(each),
            rate(outcome, each),
            ratio_text(outcome, name),
        )
        for name, each in outcome.spreads.items()
    ]


HEAD = ("case", "of", "median", "MAD", "rate", "ratio [interval]")


def outcome_table(title: str, outcomes: Sequence[Outcome]) -> Table:
    """Return the table of some outcomes."""
    table = Table(title=title, title_justify="left")
    for i, name in enumerate(HEAD):
        table.add_column(escape(name), justify="left" if i < 2 else "right")
    for outcome in outcomes:
        for row in rows(outcome):
            table.add_row(*map(escape, row))
        if outcome.skipped:
            table.add_row(outcome.name, f"[dim]{escape(outcome.skipped)}[/dim]")
    return table


CHANGE_HEAD = ("case", "of", "new / old", "interval", "verdict")


def change_row(change: Change) -> tuple[str, ...]:
    """Return the row of a change."""
    each = change.spread
    return (
        change.name,
        change.of,
        f"{each.median:.3f}",
        f"[{each.low:.3f}, {each.high:.3f}]",
        change.verdict.value,
    )


def change_table(title: str, changes: Sequence[Change]) -> Table:
    """Return the table of some changes."""
    table = Table(title=title, title_justify="left")
    for i, name in enumerate(CHANGE_HEAD):
        table.add_column(escape(name), justify="left" if i in (0, 1, 4) else "right")
    for change in changes:
        *cells, word = map(escape, change_row(change))
        colour = _COLOURS[change.verdict]
        table.add_row(*cells, f"[{colour}]{word}[/{colour}]")
    return table


def console() -> Console:
    """Return where tables go: standard output, wide enough where it is no terminal."""
    wide = Console()
    return wide if wide.is_terminal else Console(width=110)
