"""A run as Markdown, to be shared."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from .outcome import Change, Outcome
from .spread import NOISE_RULE
from .table import CHANGE_HEAD, HEAD, change_row, rows


def markdown_table(head: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; the first two columns to the left."""
    rule = ["---" if i < 2 else "---:" for i in range(len(head))]
    lines = [head, rule, *body]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |"
        for line in lines
    )


def conditions(line: str) -> str:
    """Return what a record's measurement was taken on, as Markdown."""
    taken = json.loads(line)
    machine = taken["machine"]
    versions = ", ".join(f"{name} {each}" for name, each in taken["versions"].items())
    facts = {
        "taken at": taken["taken_at"],
        "commit": taken["commit"],
        "system": machine["system"],
        "processor": f"{machine['processor']}, {machine['num_cores']} cores",
        "load average": ", ".join(map(str, machine["load_average"])),
        "versions": versions,
    }
    return markdown_table(("", ""), facts.items())


def figures(outcomes: Sequence[Outcome]) -> list[str]:
    """Return the parts that show the figures, and what is missing."""
    if not outcomes:
        return []
    body = [row for outcome in outcomes for row in rows(outcome)]
    missing = [f"* {each.name}: {each.skipped}" for each in outcomes if each.skipped]
    parts = ["## Figures", markdown_table(HEAD, body)]
    return [*parts, "Not measured:", "\n".join(missing)] if missing else parts


def text(
    suite: str, outcomes: Sequence[Outcome], changes: Sequence[Change], line: str
) -> str:
    """Return the report of a run, its JSON line at the end."""
    parts = [f"# pensieve-bench {suite}", conditions(line), *figures(outcomes)]
    if changes:
        parts += ["## Changes", markdown_table(CHANGE_HEAD, map(change_row, changes))]
        parts += [NOISE_RULE]
    parts += ["## As JSON", f"```json\n{line}\n```"]
    return "\n\n".join(parts) + "\n"


def write(
    path: Path,
    suite: str,
    outcomes: Sequence[Outcome],
    changes: Sequence[Change],
    line: str,
) -> None:
    """Write the report of a run."""
    path.write_text(text(suite, outcomes, changes, line), encoding="utf-8")
