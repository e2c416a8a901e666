"""Split models that are malformed, each with the exact words it is refused with."""

import struct
from typing import NamedTuple

from reference.gguf_bytes import INT32, head, key, part
from reference.malformed_gguf import OF_THE_FILE, one_key


class MalformedSplit(NamedTuple):
    """A split model's files, the first of which is opened, and why it is refused."""

    name: str
    files: dict[str, bytes]
    error: str


FIRST, SECOND = "m-00001-of-00002.gguf", "m-00002-of-00002.gguf"
WHOLE = {FIRST: part(0, 2, 2, "a"), SECOND: part(1, 2, 2, "b")}

SPLIT_CASES = [
    MalformedSplit(
        "a part is missing",
        {FIRST: WHOLE[FIRST]},
        f"{SECOND}: expected this part of the model beside its first, got no such file",
    ),
    MalformedSplit(
        "a part alone",
        {SECOND: WHOLE[SECOND]},
        "split.no: expected 0, the first part's: it opens all, got 1",
    ),
    MalformedSplit(
        "a first part under another name",
        {"model.gguf": WHOLE[FIRST]},
        "file name: expected one that ends in -00001-of-00002.gguf, got model.gguf",
    ),
    MalformedSplit(
        "the first part twice",
        {FIRST: WHOLE[FIRST], SECOND: WHOLE[FIRST]},
        f"{SECOND}: split.no: expected 1, got 0",
    ),
    MalformedSplit(
        "a part of another split of the model",
        WHOLE | {SECOND: part(1, 3, 3, "b")},
        f"{SECOND}: split.count: expected 2, got 3",
    ),
    MalformedSplit(
        "a part of another model, by its number of tensors",
        WHOLE | {SECOND: part(1, 2, 7, "b")},
        f"{SECOND}: split.tensors.count: expected 2, got 7",
    ),
    MalformedSplit(
        "a whole model for a part",
        WHOLE | {SECOND: head(0, 0)},
        f"{SECOND}: split.no: expected 1, got no such key",
    ),
    MalformedSplit(
        "a tensor in two parts",
        WHOLE | {SECOND: part(1, 2, 2, "a")},
        "tensors: expected each name in one part, got a in two",
    ),
    MalformedSplit(
        "fewer tensors than the parts should have",
        {FIRST: part(0, 2, 3, "a"), SECOND: part(1, 2, 3, "b")},
        f"{FIRST}: split.tensors.count: expected 2, as many as the parts have, got 3",
    ),
    MalformedSplit(
        "a damaged part",
        WHOLE | {SECOND: WHOLE[SECOND][:-1]},
        f"{SECOND}: b: expected to lie in the file's 3 bytes of tensors, "
        "got 4 bytes at offset 0",
    ),
    MalformedSplit(
        "an empty part",
        WHOLE | {SECOND: b""},
        f"{SECOND}: magic: expected 4 bytes from byte 0, got 0 {OF_THE_FILE}",
    ),
    MalformedSplit(
        "more parts than there may be",
        {"m-00001-of-00513.gguf": part(0, 513, 513, "a")},
        "split.count: expected at most 512, got 513",
    ),
    MalformedSplit(
        "a count below 0",
        {FIRST: one_key(key("split.count", INT32, struct.pack("<i", -1)))},
        f"{FIRST}: split.count: expected a whole number of at least 0, "
        "got another value",
    ),
]
