"""The header of a GGUF file: 8,000 strings (SmolLM2's has 98,000) and 272 tensors.

The rival is gguf-py's GGUFReader (`pip install gguf`), which takes so long that the
vocabulary is a small one.
"""

import os
import struct
from importlib.util import find_spec
from pathlib import Path

from ..case import Case, Contest, MissingError, Work

NUM_TOKENS = 4_096
NUM_TENSORS = 272
ALIGNMENT = 32
U32, STRING, ARRAY, F32 = 4, 8, 9, 0


def text(content: str) -> bytes:
    """Return a string as GGUF has it."""
    encoded = content.encode()
    return struct.pack("<Q", len(encoded)) + encoded


def strings(key: str, values: list[str]) -> bytes:
    """Return a key that has an array of strings."""
    head = text(key) + struct.pack("<IIQ", ARRAY, STRING, len(values))
    return head + b"".join(map(text, values))


def example(path: Path) -> Path:
    """Make the file if it is not there. Source: ggml's docs/gguf.md."""
    if path.exists():
        return path
    tokens = [f"token{i}" for i in range(NUM_TOKENS)]
    metadata = [
        text("general.architecture") + struct.pack("<I", STRING) + text("llama"),
        text("llama.block_count") + struct.pack("<II", U32, 30),
        strings("tokenizer.ggml.tokens", tokens),
        strings("tokenizer.ggml.merges", [f"{token} x" for token in tokens[:-200]]),
    ]
    table = b"".join(
        text(f"blk.{i}.weight") + struct.pack("<IQIQ", 1, 8, F32, i * ALIGNMENT)
        for i in range(NUM_TENSORS)
    )
    head = struct.pack("<4sIQQ", b"GGUF", 3, NUM_TENSORS, len(metadata))
    header = head + b"".join(metadata) + table
    padding = bytes(-len(header) % ALIGNMENT)
    part = path.with_suffix(f".{os.getpid()}")
    part.write_bytes(header + padding + bytes(NUM_TENSORS * ALIGNMENT))
    part.replace(path)
    return path


def opened(folder: Path) -> Contest:
    """Set up the reading of the whole header."""
    try:
        from pensieve._native.gguf import GgufFile
    except ImportError:
        raise MissingError("no pensieve._native.gguf here") from None
    path = example(folder / "header.gguf")

    def with_gguf_py() -> object:
        from gguf import GGUFReader

        return GGUFReader(path)

    baselines: dict[str, Work] = {}
    others = {}
    if find_spec("gguf"):
        baselines["gguf-py"] = with_gguf_py
    else:
        others["gguf-py"] = "not installed"
    size = path.stat().st_size
    return Contest(lambda: GgufFile(path).tensors, baselines, size, others)


def tokens(folder: Path) -> Contest:
    """Set up the making of Python's strings of the vocabulary."""
    try:
        from pensieve._native.gguf import GgufFile
    except ImportError:
        raise MissingError("no pensieve._native.gguf here") from None
    file = GgufFile(example(folder / "header.gguf"))
    key = "tokenizer.ggml.tokens"
    values = file[key]
    assert isinstance(values, list)
    raw = [str(value).encode() for value in values]
    return Contest(
        lambda: file[key],
        {"bytes.decode": lambda: [each.decode() for each in raw]},
        sum(map(len, raw)),
    )


CASES = [Case("gguf.open", opened), Case("gguf.tokens", tokens)]
