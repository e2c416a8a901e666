"""The models that are there: a name in, a path out; listing and removing."""

from pathlib import Path

import msgspec

from pensieve.errors import ModelError
from pensieve.models import records, staging
from pensieve.models.aliases import ALIASES
from pensieve.models.names import local_path, matching_ggufs, parse_repository
from pensieve.models.records import Record


class Installed(msgspec.Struct, frozen=True):
    """A model that was pulled, or registered by its path."""

    name: str
    path: Path
    """There may be nothing any more."""


def installed() -> list[Installed]:
    """Return the models that are there, by name.

    Raises:
        ModelError: a record is damaged.
    """
    return [Installed(each.name, each.location()) for each in records.read_all()]


def find(name: str) -> Path | None:
    """Return the path of a model that is there, None if it is not.

    Args:
        name: an alias, a registered name, "org/repo" or "org/repo:part".

    Raises:
        ModelError: `name` fits several, or the model's files are gone.
    """
    record = _find(name)
    if record is None:
        return None
    path = record.location()
    if not path.exists():
        raise ModelError(
            f"{name}: expected it at {path}, got nothing there; "
            f"`pensieve rm {record.name}` forgets it"
        )
    return path


def resolve(name: str) -> Path:
    """Return the absolute path of the model that a person calls `name`.

    Args:
        name: as `find` takes it, or a path.

    Raises:
        ModelError: there is none; the message says how to get it.
    """
    path = find(name) or local_path(name)
    if path.exists():
        return path
    if name in ALIASES or parse_repository(name):
        raise ModelError(f"{name}: not here yet; `pensieve pull {name}` fetches it")
    raise ModelError(unknown_name(name))


def unknown_name(name: str) -> str:
    """Return the sentence for a name that stands for nothing."""
    aliases = ", ".join(ALIASES)
    return (
        f"{name!r}: expected an alias ({aliases}), org/repo of the Hugging Face hub, "
        "a model that `pensieve list` shows or a path, got none of these"
    )


def remove(name: str) -> str:
    """Remove what `pull` put there, and return the model's full name.

    Of a path that was registered only the registration goes. A pull that was broken off
    is removed likewise.

    Raises:
        ModelError: there is no such model, or `name` fits several.
        OSError: a file cannot be removed.
    """
    record = _find(name)
    if record is not None:
        records.remove(record)
        return record.name
    partial = _fitting(name, list(staging.unfinished()))
    if partial is None:
        names = ", ".join(each.name for each in records.read_all()) or "none"
        raise ModelError(f"{name!r}: expected a model that is here ({names})")
    staging.discard(partial)
    return partial


def _find(name: str) -> Record | None:
    by_name = {record.name: record for record in records.read_all()}
    full_name = _fitting(name, list(by_name))
    return None if full_name is None else by_name[full_name]


def _fitting(name: str, names: list[str]) -> str | None:
    """Return the one of `names` that `name` is, or is short for."""
    if name in names:
        return name
    repository = parse_repository(name)
    if repository is None:
        return None
    prefix = f"{repository.repo_id}:"
    files = [each.removeprefix(prefix) for each in names if each.startswith(prefix)]
    fitting = matching_ggufs(files, repository.choice)
    if len(fitting) > 1:
        full_names = ", ".join(prefix + file for file in fitting)
        raise ModelError(f"{name}: expected the name of one model, got {full_names}")
    return prefix + fitting[0] if fitting else None
