"""Inputs that the fuzzer begins with: all malformed files, and well-formed ones.

`python tests/reference/gguf_seeds.py FOLDER` writes them; csrc/fuzz/read_all.hpp says
how two parts are one input.
"""

import struct
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))

from reference.gguf_bytes import (
    F32,
    FLOAT32,
    Q4_0,
    STRING,
    UINT32,
    array,
    head,
    key,
    padded,
    tensor,
    text,
)
from reference.malformed_gguf import ALIGNMENT, CASES
from reference.malformed_splits import SPLIT_CASES, WHOLE, MalformedSplit

MAX_SEED_BYTES = 4096


def seeds() -> dict[str, bytes]:
    """Return what a fuzzer begins with, by file name."""
    contents = [case.content for case in CASES]
    for case in [MalformedSplit("a whole model", WHOLE, ""), *SPLIT_CASES]:
        first, *others = case.files.values()
        rest = others[0] if others else b""
        contents.append(b"PART" + struct.pack("<I", len(first)) + first + rest)
    rich = head(2, 4) + key("general.name", STRING, text("caf\u00e9 \U0001f600"))
    rich += array("tokens", STRING, 3, text("a b") + text("") + text("\u0120c"))
    rich += array("scores", FLOAT32, 2, struct.pack("<2f", 0.5, -1.0))
    rich += key(ALIGNMENT, UINT32, struct.pack("<I", 64))
    rich += tensor("a", [64, 3], Q4_0) + tensor("b", [5], F32, 128)
    contents.append(padded(rich, 64) + bytes(148))
    return {
        f"{index:02}": content
        for index, content in enumerate(contents)
        if len(content) <= MAX_SEED_BYTES
    }


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in seeds().items():
        (folder / name).write_bytes(content)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
