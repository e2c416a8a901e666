"""Malformed GGUF files, each with the exact words it is refused with.

First the faults that other readers had, by their CVE or by llama.cpp's issue, then the
others that the format allows. Those of split models are in malformed_splits.py.
"""

import struct
from typing import NamedTuple

from reference.gguf_bytes import (
    ARRAY,
    BOOL,
    F32,
    FLOAT32,
    I8,
    Q4_0,
    STRING,
    UINT8,
    UINT32,
    UINT64,
    array,
    head,
    key,
    padded,
    tensor,
    text,
)

MOST = 2**64 - 1
OF_THE_FILE = "before the end of the file"
ALIGNMENT = "general.alignment"
POWER = f"{ALIGNMENT}: expected a power of two up to 1048576, got"
ELEMENTS = "expected dimensions of at least 1 and of fewer than 2^64 elements, got"


class Malformed(NamedTuple):
    """A file, and why it is refused."""

    name: str
    content: bytes
    error: str
    """What follows "[gguf] "."""


def one_key(content: bytes) -> bytes:
    return head(0, 1) + content


def one_tensor(shape: list[int], kind: int = F32, offset: int = 0, size: int = 64):
    return padded(head(1, 0) + tensor("a", shape, kind, offset)) + bytes(size)


def aligned(value_type: int, value: bytes) -> bytes:
    return one_key(key(ALIGNMENT, value_type, value))


def number(size: int) -> bytes:
    return struct.pack("<Q", size)


KNOWN_FAULTS = [
    Malformed(
        "CVE-2024-21825 an array's count times the size of an item wraps",
        one_key(array("a", UINT64, 2**61 + 1, bytes(8))),
        "a: expected at most 16777216, got 2305843009213693953",
    ),
    Malformed(
        "CVE-2024-23496 a key's length plus one wraps",
        one_key(number(MOST) + bytes(64)),
        f"key 0: expected a string of at most 65535 bytes, got {MOST}",
    ),
    Malformed(
        "CVE-2024-23496 a value's length plus one wraps",
        one_key(key("a", STRING, number(MOST))),
        f"a: expected a string of at most 67108864 bytes, got {MOST}",
    ),
    Malformed(
        "CVE-2024-21802 nine dimensions",
        one_tensor([1] * 9),
        "a: expected at most 4 dimensions, got 9",
    ),
    Malformed(
        "CVE-2024-21836 the tensor count times the size of an entry wraps",
        head(2**60, 0),
        f"tensor count: expected at most 1048576, got {2**60}",
    ),
    Malformed(
        "CVE-2024-23605 the key count times the size of an entry wraps",
        head(0, MOST),
        f"key count: expected at most 65536, got {MOST}",
    ),
    Malformed(
        "CVE-2025-53630 tensors whose sizes add up to more than 64 bits",
        padded(
            head(2, 0)
            + tensor("a", [2**61 + 1], F32)
            + tensor("b", [2**61 + 1], F32, 2**63)
        )
        + bytes(64),
        "a: expected to lie in the file's 64 bytes of tensors, "
        f"got {2**63 + 4} bytes at offset 0",
    ),
    Malformed(
        "CVE-2026-27940 an offset that wraps when padding is added",
        one_tensor([8], offset=2**64 - 32),
        "a: expected to lie in the file's 64 bytes of tensors, "
        f"got 32 bytes at offset {2**64 - 32}",
    ),
    Malformed(
        "CVE-2026-33298 dimensions 2^33 x 2^33",
        one_tensor([2**33, 2**33]),
        f"a: {ELEMENTS} 8589934592 as dimension 1",
    ),
    Malformed(
        "CVE-2026-33298 dimensions 2^42+1 x 2^42+1",
        one_tensor([2**42 + 1, 2**42 + 1]),
        f"a: {ELEMENTS} 4398046511105 as dimension 1",
    ),
    Malformed(
        "CVE-2026-33298 dimensions 2^63-1 x 2, whose bytes wrap",
        one_tensor([2**63 - 1, 2]),
        f"a: expected fewer than 2^64 bytes, got {2**64 - 2} elements",
    ),
    Malformed(
        "CVE-2026-7482 2^20 numbers in 64 bytes",
        one_tensor([2**20]),
        "a: expected to lie in the file's 64 bytes of tensors, "
        "got 4194304 bytes at offset 0",
    ),
    Malformed(
        "CVE-2025-49847 a token longer than 31 bits",
        one_key(array("tokens", STRING, 1, number(2**31) + bytes(64))),
        "tokens: expected a string of at most 67108864 bytes, got 2147483648",
    ),
    Malformed(
        "19856 an alignment of 0",
        aligned(UINT32, struct.pack("<I", 0)),
        f"{POWER} 0",
    ),
    Malformed(
        "19856 an alignment that is no power of two",
        aligned(UINT32, struct.pack("<I", 24)),
        f"{POWER} 24",
    ),
    Malformed(
        "19856 a key twice",
        head(0, 2) + key("a", UINT8, b"\0") * 2,
        "keys: expected each name once, got a twice",
    ),
    Malformed(
        "19856 an array of arrays",
        one_key(array("a", ARRAY, 1, bytes(64))),
        "a: expected an array of single values, got an array of arrays",
    ),
]

OTHER_FAULTS = [
    Malformed(
        "an empty file",
        b"",
        f"magic: expected 4 bytes from byte 0, got 0 {OF_THE_FILE}",
    ),
    Malformed(
        "half a magic",
        b"GG",
        f"magic: expected 4 bytes from byte 0, got 2 {OF_THE_FILE}",
    ),
    Malformed(
        "another kind of file",
        b"PK\3\4" + bytes(64),
        "magic: expected GGUF in the first 4 bytes, got another kind of file",
    ),
    Malformed(
        "version 1",
        head(0, 0, version=1),
        "version: expected 2 or 3, little-endian, got 1",
    ),
    Malformed(
        "version 4",
        head(0, 0, version=4),
        "version: expected 2 or 3, little-endian, got 4",
    ),
    Malformed(
        "big-endian",
        b"GGUF" + struct.pack(">IQQ", 3, 0, 0),
        "version: expected 2 or 3, little-endian, got a big-endian file",
    ),
    Malformed(
        "counts cut off",
        head(0, 0)[:20],
        f"key count: expected 8 bytes from byte 16, got 4 {OF_THE_FILE}",
    ),
    Malformed(
        "more keys than there is room for",
        head(0, 2) + bytes(13),
        "key count: expected at most 1 in what is left of the file, got 2",
    ),
    Malformed(
        "more tensors than there is room for",
        head(2, 0) + bytes(24),
        "tensor count: expected at most 1 in what is left of the file, got 2",
    ),
    Malformed(
        "one key too many",
        head(0, 65_537) + bytes(64),
        "key count: expected at most 65536, got 65537",
    ),
    Malformed(
        "one tensor too many",
        head(2**20 + 1, 0) + bytes(64),
        "tensor count: expected at most 1048576, got 1048577",
    ),
    Malformed(
        "a key one byte too long",
        one_key(key("k" * 65_536, UINT8, b"\0")),
        "key 0: expected a string of at most 65535 bytes, got 65536",
    ),
    Malformed(
        "a tensor's name one byte too long",
        padded(head(1, 0) + tensor("n" * 65, [1], F32)) + bytes(4),
        "tensor 0: expected a string of at most 64 bytes, got 65",
    ),
    Malformed(
        "a string one byte too long",
        one_key(key("a", STRING, number(2**26 + 1) + bytes(64))),
        "a: expected a string of at most 67108864 bytes, got 67108865",
    ),
    Malformed(
        "an array one item too long",
        one_key(array("a", UINT8, 2**24 + 1, bytes(64))),
        "a: expected at most 16777216, got 16777217",
    ),
    Malformed(
        "an array that the file cannot hold",
        one_key(array("a", UINT32, 3, bytes(8))),
        "a: expected at most 2 in what is left of the file, got 3",
    ),
    Malformed(
        "strings that end after the file",
        one_key(array("a", STRING, 2, text("12345678"))),
        f"a: expected 8 bytes from byte 65, got 0 {OF_THE_FILE}",
    ),
    Malformed(
        "a string that ends after the file",
        one_key(key("a", STRING, number(9) + bytes(8))),
        f"a: expected 9 bytes from byte 45, got 8 {OF_THE_FILE}",
    ),
    Malformed(
        "a value cut off",
        one_key(key("a", UINT64, bytes(7))),
        f"a: expected 8 bytes from byte 37, got 7 {OF_THE_FILE}",
    ),
    Malformed(
        "a value type that does not exist",
        one_key(key("a", 13, bytes(8))),
        "a: expected a value type from 0 to 12, got 13",
    ),
    Malformed(
        "an item type that does not exist",
        one_key(array("a", 2**32 - 1, 0)),
        "a: expected a value type from 0 to 12, got 4294967295",
    ),
    Malformed(
        "a bool of 2",
        one_key(key("a", BOOL, b"\2")),
        "a: expected 0 or 1 as a bool, got 2",
    ),
    Malformed(
        "a key without a name",
        one_key(key("", UINT64, bytes(8))),
        "key 0: expected a name, got an empty one",
    ),
    Malformed(
        "a key with a newline",
        one_key(key("a\n", UINT8, b"\0")),
        "key 0: expected printable ASCII, got byte 10",
    ),
    Malformed(
        "a key that is not ASCII",
        one_key(key("\u00e9", UINT8, b"\0")),
        "key 0: expected printable ASCII, got byte 195",
    ),
    Malformed(
        "a tensor whose name has an escape",
        padded(head(1, 0) + tensor("\x1b[2J", [1], F32)) + bytes(4),
        "tensor 0: expected printable ASCII, got byte 27",
    ),
    Malformed(
        "an alignment above the limit",
        aligned(UINT32, struct.pack("<I", 2**21)),
        f"{POWER} 2097152",
    ),
    Malformed(
        "an alignment of another type",
        aligned(FLOAT32, struct.pack("<f", 32)),
        f"{ALIGNMENT}: expected a uint32, got another type",
    ),
    Malformed(
        "an alignment of none",
        one_key(array(ALIGNMENT, UINT32, 0)),
        f"{ALIGNMENT}: expected a uint32, got another type",
    ),
    Malformed(
        "a dimension of 0", one_tensor([4, 0]), f"a: {ELEMENTS} 0 as dimension 1"
    ),
    Malformed(
        "a tensor type that ggml does not have",
        one_tensor([32], 99),
        "a: expected a tensor type of ggml, got 99",
    ),
    Malformed(
        "a tensor type that ggml removed",
        one_tensor([32], 4),
        "a: expected a tensor type of ggml, got 4",
    ),
    Malformed(
        "rows that are not whole blocks",
        one_tensor([33, 32], Q4_0),
        "a: expected rows of whole blocks of 32, got 33",
    ),
    Malformed(
        "an offset between two multiples of the alignment",
        one_tensor([1], offset=16),
        "a: expected an offset that is a multiple of 32, got 16",
    ),
    Malformed(
        "an offset just past the end",
        one_tensor([1], offset=64),
        "a: expected to lie in the file's 64 bytes of tensors, "
        "got 4 bytes at offset 64",
    ),
    Malformed(
        "no room for the padding before the tensors",
        head(1, 0) + tensor("a", [1], F32),
        "padding before the tensors: expected 7 bytes from byte 57, "
        f"got 0 {OF_THE_FILE}",
    ),
    Malformed(
        "a tensor twice",
        padded(head(2, 0) + tensor("a", [1], F32) * 2) + bytes(64),
        "tensors: expected each name once, got a twice",
    ),
    Malformed(
        "two tensors that share bytes",
        padded(head(2, 0) + tensor("a", [33], I8) + tensor("b", [1], I8, 32))
        + bytes(64),
        "b: expected bytes of its own, got some of a",
    ),
]

CASES = KNOWN_FAULTS + OTHER_FAULTS
