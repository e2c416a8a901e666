"""Bytes on disk kept within a budget, over all models' files together.

What was used least lately goes first. The files of a sequence differ by a microsecond a
file, so its end goes before its start. Heads go last, unless they take more than half
of the budget.
"""

import contextlib
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pensieve import cache_folder


class Room(NamedTuple):
    """What there is after room was made."""

    total_bytes: int
    """Of all files that are left."""
    removed: list[Path]


def make_room(
    root: Path, budget_bytes: int, nbytes: int, kept: frozenset[Path]
) -> Room:
    """Remove files until so many bytes more are within the budget, if they can be.

    Args:
        kept: files that stay.
    """
    entries = cache_folder.entries(root)
    total = sum(each.nbytes for each in entries)
    head_bytes = sum(each.nbytes for each in entries if each.is_head)
    spares_heads = 2 * head_bytes <= budget_bytes
    entries.sort(key=lambda each: (spares_heads and each.is_head, each.last_used_ns))
    removed = []
    for entry in entries:
        if total + nbytes <= budget_bytes:
            break
        if entry.path not in kept:
            with contextlib.suppress(OSError):
                entry.path.unlink(missing_ok=True)
                total -= entry.nbytes
                removed.append(entry.path)
    return Room(total, removed)


def touch(paths: Sequence[Path]) -> list[Path]:
    """Note that files are used now; return those that are gone.

    Args:
        paths: of one sequence, in its order.
    """
    now = time.time_ns()
    gone = []
    for i, path in enumerate(paths):
        try:
            os.utime(path, ns=(now, now - 1000 * i))
        except FileNotFoundError:
            gone.append(path)
        except OSError:
            pass  # a folder that is only read from
    return gone
