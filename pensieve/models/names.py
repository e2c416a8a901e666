"""What a person may call a model: taken apart, never trusted with a path.

* an alias: ``smollm2``
* a repository of the Hugging Face hub, ``org/repo``; of one that holds several GGUF
  files, ``org/repo:file.gguf`` or, shorter, ``org/repo:Q4_K_M``
* a path to a .gguf file or a model folder
"""

import os
import re
from collections.abc import Iterable
from pathlib import Path

import msgspec

from pensieve._native import gguf

_SEGMENT = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,95}"
_REPOSITORY = re.compile(rf"({_SEGMENT}/{_SEGMENT})(?::([^\0]+))?")
_FILE = re.compile(r"[^\0/\\.][^\0/\\]*(/[^\0/\\.][^\0/\\]*)*")


class Repository(msgspec.Struct, frozen=True):
    """A repository of the hub, and which of its GGUF files is meant."""

    repo_id: str
    """"org/repo"; safe as a path below a folder."""
    choice: str | None = None
    """A file's name, or a part of one such as "Q4_K_M"; compared, never opened."""


def parse_repository(name: str) -> Repository | None:
    """Return the repository that has this name, None if it is no such name."""
    match = _REPOSITORY.fullmatch(name)
    return Repository(match[1], match[2]) if match else None


def is_safe_file(name: str) -> bool:
    """Say whether a repository's file stays below the folder that it is put in.

    No absolute path, no part that begins with a dot, no backslash.
    """
    return _FILE.fullmatch(name) is not None


def matching_ggufs(files: Iterable[str], choice: str | None) -> list[str]:
    """Return the GGUF models among `files` that `choice` may mean, sorted.

    A whole name means that file only. A part is one that stands between separators, so
    "Q4_K" is not found in "model-Q4_K_M.gguf". None means any. Of a model in several
    files the first stands for all.
    """
    ggufs = sorted(file for file in files if _is_gguf_model(file))
    if choice is None:
        return ggufs
    if choice in ggufs:
        return [choice]
    part = re.compile(rf"(?:^|[-_./]){re.escape(choice)}(?:$|[-./])", re.IGNORECASE)
    return [file for file in ggufs if part.search(file)]


def gguf_files(file: str) -> list[str]:
    """Return the files of the GGUF model that `file` is, or is a part of, in order."""
    path = Path(file)
    return [str(path.with_name(name)) for name in gguf.part_names(path.name)]


def _is_gguf_model(file: str) -> bool:
    """Leave out vision projectors, which lie beside their models, and later parts."""
    is_gguf = file.endswith(".gguf") and not Path(file).name.startswith("mmproj")
    return is_gguf and gguf_files(file)[0] == file


def local_path(name: str) -> Path:
    """Return the absolute path that a name stands for if it is one; links are kept."""
    return Path(os.path.abspath(os.path.expanduser(name)))
