"""A model's files in, a digest of what they hold out; in milliseconds.

Of configurations and small files all is read; of weights the size and pages all over
them, so that other weights differ and the same ones, fetched again, do not.
"""

import os
from hashlib import blake2b
from pathlib import Path

from pensieve.models.names import gguf_files

WEIGHT_SUFFIXES = (".safetensors", ".gguf", ".npz")
PAGE_BYTES = 4096
NUM_PAGES = 256
"""Pages of a weight file that are read: any change of more than a hundredth of it is
seen."""
WHOLE_BYTES = 64 << 20
"""Other files are read whole up to here."""


def fingerprint(model_path: Path) -> bytes:
    """Return 16 bytes that stand for a model.

    Args:
        model_path: a .gguf file, or the first of several, or a folder.

    Raises:
        OSError: a file cannot be read.
    """
    digest = blake2b(digest_size=16)
    if model_path.is_dir():
        files = [
            path
            for path in sorted(model_path.iterdir())
            if path.suffix in (*WEIGHT_SUFFIXES, ".json") and path.is_file()
        ]
    else:
        parts = [Path(file) for file in gguf_files(str(model_path))]
        files = [model_path, *(part for part in parts[1:] if part.exists())]
    for path in files:
        name = path.name if model_path.is_dir() else ""
        digest.update(f"{name}\0{path.stat().st_size}\0".encode())
        digest.update(_sampled(path))
    return digest.digest()


def _sampled(path: Path) -> bytes:
    """Return a digest of a file's pages, the first and the last among them."""
    digest = blake2b(digest_size=16)
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        is_weights = path.suffix in WEIGHT_SUFFIXES
        if size <= (NUM_PAGES * PAGE_BYTES if is_weights else WHOLE_BYTES):
            digest.update(file.read())
            return digest.digest()
        last = size - PAGE_BYTES
        for i in range(NUM_PAGES):
            file.seek(i * last // (NUM_PAGES - 1))
            digest.update(file.read(PAGE_BYTES))
    return digest.digest()
