"""`pensieve setup claude-code`: a project's own Claude Code settings, and back."""

import json
import os
from pathlib import Path
from typing import Any

import click

from pensieve.cli.claude_code.environment import NAMES, PERMISSIONS, variables
from pensieve.cli.claude_code.server import target
from pensieve.cli.manual.command import Group
from pensieve.config.load import load_settings
from pensieve.errors import PensieveError

_BACKUP = ".before-pensieve"
_ABSENT = ".absent-before-pensieve"
"""An empty file that stands for none."""


@click.group(cls=Group)
def setup() -> None:
    """Have other programs use the server always."""


@setup.command("claude-code")
@click.option("--undo", is_flag=True, help="Put the settings back as they were.")
@click.option(
    "--shared",
    is_flag=True,
    help="Write settings.json, which is checked in, instead of settings.local.json.",
)
@click.option(
    "--project",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path(),
    help="The project's folder. [default: this one]",
)
def claude_code(undo: bool, shared: bool, project: Path) -> None:
    """Point Claude Code at the server in one project, by its settings there.

    `pensieve claude` needs none of this. What the settings were is kept beside them;
    --undo brings it back.
    """
    name = "settings.json" if shared else "settings.local.json"
    file = project / ".claude" / name
    if undo:
        _undo(file)
        return
    if shared and load_settings().settings.api_key is not None:
        raise PensieveError(
            f"{file}: expected no secret in a file that is checked in, got your"
            " api_key; leave --shared out"
        )
    _set_up(file)


def _set_up(file: Path) -> None:
    before = file.read_bytes() if file.exists() else None
    theirs = _object(file, before)
    ours = {"env": variables(target()), "permissions": PERMISSIONS}
    file.parent.mkdir(exist_ok=True)
    backup, absent = _kept(file)
    if not backup.exists() and not absent.exists():
        _write(absent if before is None else backup, before or b"", file)
    _write(file, _as_json(_merged(theirs, ours)), file)
    click.echo(f"Wrote {file}; `pensieve setup claude-code --undo` takes it back.")


def _undo(file: Path) -> None:
    """Bring back what was there; what was changed since stays changed.

    Raises:
        PensieveError: there is nothing to be undone.
    """
    backup, absent = _kept(file)
    if not backup.exists() and not absent.exists():
        raise PensieveError(f"{file}: expected {backup.name} beside it, got none")
    before = backup.read_bytes() if backup.exists() else None
    theirs = _object(backup, before)
    now = _object(file, file.read_bytes()) if file.exists() else theirs
    left = _without_ours(now, theirs)
    if left != theirs:
        _write(file, _as_json(left), file)
        click.echo(f"Took Pensieve out of {file}; what else was changed there stays.")
    elif before is None:
        file.unlink(missing_ok=True)
        click.echo(f"Removed {file}, as there was none before.")
    else:
        _write(file, before, file)
        click.echo(f"{file} is as it was.")
    backup.unlink(missing_ok=True)
    absent.unlink(missing_ok=True)


def _merged(theirs: dict[str, Any], ours: dict[str, Any]) -> dict[str, Any]:
    """Return their settings with ours in them: two objects deep, as ours are."""
    return theirs | {key: _part(theirs, key) | ours[key] for key in ours}


def _without_ours(now: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    """Return the settings with all that Pensieve sets as it was before."""
    left = dict(now)
    for key, ours in (("env", NAMES), ("permissions", PERMISSIONS)):
        was, part = _part(before, key), dict(_part(now, key))
        for name in ours:
            if name in was:
                part[name] = was[name]
            else:
                part.pop(name, None)
        if part or key in before:
            left[key] = part
        else:
            left.pop(key, None)
    return left


def _kept(file: Path) -> tuple[Path, Path]:
    return file.with_name(file.name + _BACKUP), file.with_name(file.name + _ABSENT)


def _part(settings: dict[str, Any], key: str) -> dict[str, Any]:
    part = settings.get(key)
    return part if isinstance(part, dict) else {}


def _object(file: Path, text: bytes | None) -> dict[str, Any]:
    if not text:
        return {}
    try:
        found = json.loads(text)
    except ValueError as error:
        raise PensieveError(f"{file}: expected JSON: {error}") from error
    if not isinstance(found, dict):
        raise PensieveError(f"{file}: expected a JSON object, got {text[:40]!r}")
    return found


def _as_json(settings: dict[str, Any]) -> bytes:
    return (json.dumps(settings, indent=2, ensure_ascii=False) + "\n").encode()


def _write(path: Path, text: bytes, like: Path) -> None:
    """Write a file whole or not at all, readable for whom `like` is."""
    mode = like.stat().st_mode & 0o777 if like.exists() else 0o600
    part = path.with_name(path.name + ".part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as out:
        out.write(text)
        os.fchmod(out.fileno(), mode)
    part.replace(path)
