"""A repository of the hub in, its model in the models folder out.

A repository holds one model as a folder (safetensors) or several as GGUF files. Only
what is needed is fetched: first into staging, then moved, then recorded.
"""

import os
import shutil
from fnmatch import fnmatchcase
from pathlib import Path

from pensieve import places
from pensieve.errors import ModelError
from pensieve.models import records
from pensieve.models.files import describe
from pensieve.models.folder import WEIGHTS_PATTERN
from pensieve.models.names import (
    Repository,
    gguf_files,
    is_safe_file,
    matching_ggufs,
)
from pensieve.models.pulling.hub import Hub
from pensieve.models.pulling.progress import Report, Tally
from pensieve.models.pulling.transfer import RemoteFile, receive
from pensieve.models.records import Record
from pensieve.models.sizes import size_text
from pensieve.models.staging import staging

FOLDER_PATTERNS = ("*.json", "*.jinja", "*.txt", WEIGHTS_PATTERN)
"""What a model folder is made of; weights in other forms are the same ones again."""


def pull_repository(repository: Repository, report: Report) -> Path:
    """Fetch what is needed of a repository, and return the model's path.

    Raises:
        ModelError: no such repository, nothing in it that Pensieve runs, several models
            and none named, or the hub cannot be reached.
        OSError: the disk.
    """
    hub = Hub(repository.repo_id)
    listing = hub.listing()
    listed = {file.rfilename: file for file in listing.siblings}
    chosen = chosen_files(repository, [name for name in listed if is_safe_file(name)])
    gguf = chosen[0] if chosen[0].endswith(".gguf") else None
    record = Record(
        name=f"{repository.repo_id}:{gguf}" if gguf else repository.repo_id,
        source="hub",
        path=f"{repository.repo_id}/{gguf}" if gguf else repository.repo_id,
        files=[f"{repository.repo_id}/{file}" for file in chosen],
        origin=f"{repository.repo_id}@{listing.sha}",
    )
    with staging(record.name) as folder:
        root = _root_of(folder, listing.sha)
        files = [hub.remote(listed[name], listing.sha) for name in chosen]
        _fetch(hub, files, root / repository.repo_id, report)
        _check_runs(record, root)
        return _put_in_place(record, root)


def chosen_files(repository: Repository, files: list[str]) -> list[str]:
    """Return the files that make up the model: one GGUF's, in order, or a folder's.

    Raises:
        ModelError: there is no such model, or there are several.
    """
    weights = [file for file in files if fnmatchcase(file, WEIGHTS_PATTERN)]
    if repository.choice is None and any("/" not in file for file in weights):
        return _folder_files(repository.repo_id, files)

    ggufs = matching_ggufs(files, None)
    matching = matching_ggufs(files, repository.choice)
    if len(matching) == 1:
        return _gguf_files(repository.repo_id, matching[0], files)
    if not ggufs:
        expected = ".gguf files" if weights else f"{WEIGHTS_PATTERN} or .gguf files"
        raise ModelError(f"{repository.repo_id}: expected {expected}, got none")
    wanted = "one of" if repository.choice is None else f"one {repository.choice!r} of"
    names = ", ".join(f"{repository.repo_id}:{file}" for file in matching or ggufs)
    raise ModelError(f"{repository.repo_id}: expected the name of {wanted} {names}")


def _gguf_files(repo_id: str, first: str, files: list[str]) -> list[str]:
    """Return the first file's model's, which are several where it is split."""
    parts = gguf_files(first)
    for part in parts:
        if part not in files:
            raise ModelError(f"{repo_id}: expected {part} beside {first}, got none")
    return parts


def _folder_files(repo_id: str, files: list[str]) -> list[str]:
    for needed in ("config.json", "tokenizer.json"):
        if needed not in files:
            raise ModelError(f"{repo_id}: expected a model folder, got no {needed}")
    return [
        file
        for pattern in FOLDER_PATTERNS  # the weights come last
        for file in sorted(files)
        if "/" not in file and fnmatchcase(file, pattern)
    ]


def _root_of(staging_folder: Path, commit: str) -> Path:
    """Return where this commit's files gather; those of another are thrown away."""
    for other in staging_folder.iterdir():
        if other.is_dir() and other.name != commit:
            shutil.rmtree(other)
    return staging_folder / commit


def _fetch(hub: Hub, files: list[RemoteFile], folder: Path, report: Report) -> None:
    total_bytes = sum(file.size_bytes for file in files)
    here = [path for path in folder.rglob("*") if path.is_file()]
    missing_bytes = total_bytes - sum(path.stat().st_size for path in here)
    free_bytes = shutil.disk_usage(places.models_dir()).free
    if missing_bytes > free_bytes:
        raise ModelError(
            f"{places.models_dir()}: expected {size_text(missing_bytes)} of room for "
            f"{hub.repo_id}, got {size_text(free_bytes)}"
        )
    tally = Tally(total_bytes, report)
    with hub.plain_errors():
        for file in files:
            receive(file, folder / file.name, hub.headers, tally)


def _check_runs(record: Record, root: Path) -> None:
    """Throw the files away again if Pensieve does not run what they hold."""
    try:
        describe(root / record.path)
    except ModelError as error:
        shutil.rmtree(root)
        raise ModelError(
            f"{record.name}: fetched and removed again: {error}"
        ) from error


def _put_in_place(record: Record, root: Path) -> Path:
    models = places.models_dir()
    for file in record.files:
        places.private_dir((models / file).parent)
        os.replace(root / file, models / file)
    records.write(record)
    return record.location()
