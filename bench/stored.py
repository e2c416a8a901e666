"""Results that are kept: one line of JSON each, as `record` makes it."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from pensieve import places

from .outcome import Change, Outcome, change
from .record import record


def path_of(name: str) -> Path:
    """Return the file of a result: NAME in Pensieve's state folder, or a path."""
    if name.endswith(".json") or "/" in name:
        return Path(name).expanduser()
    return places.state_dir() / "bench" / f"{name}.json"


def line_of(suite: str, outcomes: Sequence[Outcome], **more: object) -> str:
    """Return the line of a run."""
    figures = {each.name: each.to_json() for each in outcomes}
    return record(suite, {**more, "outcomes": figures})


def save(name: str, line: str) -> Path:
    """Keep a line and return where."""
    path = path_of(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(line + "\n", encoding="utf-8")
    return path


def load(name: str, suite: str) -> dict[str, Any]:
    """Return a result that was saved.

    Raises:
        ClickException: there is none, or it is not of this suite.
    """
    path = path_of(name)
    try:
        kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        found = kept["bench"]
        outcomes_of(kept)
    except FileNotFoundError:
        raise click.ClickException(
            f"{path}: no such result; `--save {name}` makes it"
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise click.ClickException(
            f"{path}: expected a result of pensieve-bench, got {error!r}"
        ) from error
    if found != suite:
        raise click.ClickException(
            f"{path}: expected a result of {suite!r}, got one of {found!r}"
        )
    return kept


def outcomes_of(kept: dict[str, Any]) -> dict[str, Outcome]:
    """Return a result's outcomes by name."""
    kinds = kept["figures"]["outcomes"].items()
    return {name: Outcome.from_json(name, figures) for name, figures in kinds}


def changes_since(kept: dict[str, Any], outcomes: Iterable[Outcome]) -> list[Change]:
    """Return what changed of what is in both."""
    old = outcomes_of(kept)
    pairs = ((each, old[each.name]) for each in outcomes if each.name in old)
    changes = (change(new, then) for new, then in pairs)
    return [each for each in changes if each is not None]
