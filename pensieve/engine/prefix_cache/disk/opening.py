"""A model and where its files shall be in, its disk tier out."""

import logging
import os
from collections.abc import Sequence
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

from pensieve import cache_folder, places
from pensieve.engine.prefix_cache.disk import secret
from pensieve.engine.prefix_cache.disk.file_format import FORMAT_VERSION
from pensieve.engine.prefix_cache.disk.fingerprint import fingerprint
from pensieve.engine.prefix_cache.disk.forms import KVForm, signature
from pensieve.engine.prefix_cache.disk.keys import KeyMaker
from pensieve.engine.prefix_cache.disk.tier import DiskTier
from pensieve.engine.prefix_cache.snapshots import Layout
from pensieve.link.messages import PrefixDisk

log = logging.getLogger(__name__)


def open_tier(
    disk: PrefixDisk,
    model_path: Path,
    layout: Layout,
    used_cache: Sequence[Any],
    queue_bytes: int,
) -> DiskTier | None:
    """Return the tier, or None where it is switched off or cannot be had.

    Args:
        used_cache: of a single sequence, that the model has written to.
        queue_bytes: of memory that may wait to be written.
    """
    root = Path(disk.folder)
    budget_bytes = disk.budget_bytes
    if budget_bytes < 0:
        budget_bytes = cache_folder.default_budget_bytes(root)
    if budget_bytes == 0:
        return None
    form = KVForm.of_cache(used_cache, disk.bits)
    digest = blake2b(digest_size=16)
    try:
        digest.update(fingerprint(model_path))
        digest.update(_versions() + signature(used_cache, form))
        made_for = digest.digest()
        folder = root / made_for.hex()
        own = _private_secret(root)
        _make_folder(folder, model_path.name)
    except OSError as error:
        log.warning("prefix cache on disk: off: %s", error)
        return None
    keys = KeyMaker(own, made_for + disk.namespace.encode())
    log.info("prefix cache on disk: up to %d MB in %s", budget_bytes >> 20, root)
    return DiskTier(
        root,
        folder,
        keys,
        layout.template,
        form,
        made_for,
        has_states=layout.has_states,
        budget_bytes=budget_bytes,
        queue_bytes=queue_bytes,
    )


def _versions() -> bytes:
    """Return what may change the numbers that a model computes, or the files."""
    return msgspec.msgpack.encode([FORMAT_VERSION, version("mlx"), version("mlx-lm")])


def _private_secret(root: Path) -> bytes:
    """Return the secret of a folder that only this user can enter, made if need be.

    Raises:
        OSError: there is neither a secret, nor can one be made.
    """
    if not root.is_dir():
        places.private_dir(root)
    return secret.read_or_make(root / cache_folder.SECRET_NAME)


def _make_folder(folder: Path, model_name: str) -> None:
    """Make a model's folder; where that cannot be, what is there is read anyway."""
    try:
        places.private_dir(folder)
        name = folder / cache_folder.MODEL_NAME
        if not name.exists():
            descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with open(descriptor, "w", encoding="utf-8") as file:
                file.write(model_name)
    except OSError as error:
        log.warning("prefix cache on disk: nothing can be written: %s", error)
