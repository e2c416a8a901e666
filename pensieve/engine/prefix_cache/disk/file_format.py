"""A file of the cache: what it says of itself, and how that is checked.

    8 bytes   MAGIC
    4         bytes of the header, little-endian
    8         bytes of the body
    ...       the header, msgpack
    8         XXH3-64 of all before
    ...       the body: array after array, head after head

The body's checksums are in the header, one an array, so that each is checked where it
was read a moment ago.
"""

import os
import struct
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec
import xxhash

MAGIC = b"PNSVKV\x00\x01"
FORMAT_VERSION = 1
"""Part of what keys are made of: files of another version are never looked for."""
_OPENING = struct.Struct("<8sIQ")
_SUM = struct.Struct("<Q")
_FIRST_READ_BYTES = 8192
MAX_HEADER_BYTES = 1 << 20
MAX_TOKENS = 1 << 31
"""Of a sequence, fewer than this."""
FILE_TOKENS = 512
"""Of a file at most: what is lost when one is damaged, or read in vain at a branch."""

Kind = Literal["kv", "state"]


class DamagedFileError(Exception):
    """A file is not what was once written. What it held is computed again."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path}: {why}")
        self.path = path
        self.why = why


class Header(msgspec.Struct, frozen=True):
    """What a file holds."""

    kind: Kind
    start: int
    """First token of its sequence whose keys and values it has; of a state, 0."""
    end: int
    """Tokens from the sequence's start to the last that is in it."""
    keys: list[bytes]
    """Of a kv, `key_sizes(start, end)`; of a state, that of `end`."""
    form: bytes
    """Digest of the form of its arrays."""
    sums: list[int]
    """XXH3-64 of each array as it is in the body."""
    state: bytes = b""
    """Of a state: what else there is to its layers, msgpack."""


class Opened(NamedTuple):
    """A header that has been checked, and where the body begins."""

    header: Header
    body_offset: int


_decoder = msgspec.msgpack.Decoder(Header)


def encode_opening(header: Header, body_bytes: int) -> bytes:
    """Return all of a file that comes before its body."""
    packed = msgspec.msgpack.encode(header)
    opening = _OPENING.pack(MAGIC, len(packed), body_bytes) + packed
    return opening + _SUM.pack(xxhash.xxh3_64_intdigest(opening))


def read_opening(descriptor: int, path: Path) -> Opened:
    """Read and check all of a file that comes before its body.

    Raises:
        DamagedFileError: it is damaged, cut off, or another program's.
        OSError: it cannot be read.
    """
    read = os.pread(descriptor, _FIRST_READ_BYTES, 0)
    if len(read) < _OPENING.size:
        raise DamagedFileError(path, f"expected a header, got {len(read)} bytes")
    magic, header_bytes, body_bytes = _OPENING.unpack_from(read)
    if magic != MAGIC or header_bytes > MAX_HEADER_BYTES:
        raise DamagedFileError(path, "expected a file of the prefix cache")
    size = _OPENING.size + header_bytes
    if len(read) < size + _SUM.size:
        read = os.pread(descriptor, size + _SUM.size, 0)
    if len(read) < size + _SUM.size:
        raise DamagedFileError(path, "its header is cut off")
    (told,) = _SUM.unpack_from(read, size)
    if told != xxhash.xxh3_64_intdigest(read[:size]):
        raise DamagedFileError(path, "its header is damaged")
    body_offset = size + _SUM.size
    expected, got = body_offset + body_bytes, os.fstat(descriptor).st_size
    if got != expected:
        raise DamagedFileError(path, f"expected {expected} bytes, got {got}")
    try:
        header = _decoder.decode(read[_OPENING.size : size])
    except msgspec.DecodeError as error:
        raise DamagedFileError(path, f"header: {error}") from error
    start, end = header.start, header.end
    if not 0 <= start < end < MAX_TOKENS:
        raise DamagedFileError(path, f"header: expected tokens, got {start} to {end}")
    if header.kind == "kv" and end - start > FILE_TOKENS:
        why = f"header: expected up to {FILE_TOKENS} tokens, got {end - start}"
        raise DamagedFileError(path, why)
    return Opened(header, body_offset)
