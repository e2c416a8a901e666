"""Texts for comparing tokenizers: parts of real ones, of many scripts, and of noise."""

import os
import random
import sysconfig
from functools import cache
from pathlib import Path

from reference.texts import VARIED

COUNT = int(os.environ.get("PENSIEVE_TEST_PARITY_TEXTS", "300"))
"""For each tokenizer; the suite is content with few."""

_RANGES = [
    *((0x00, 0x20), (0x20, 0x7F), (0x7F, 0xA1), (0xA1, 0x180), (0x250, 0x370)),
    *((0x370, 0x530), (0x590, 0x700), (0x900, 0xD80), (0xE00, 0xFD0)),
    *((0x1100, 0x1200), (0x1E00, 0x2000), (0x2000, 0x2070), (0x2100, 0x2200)),
    *((0x2500, 0x2800), (0x3000, 0x3100), (0x4E00, 0x9FA6), (0xAC00, 0xD7A4)),
    *((0xE000, 0xE010), (0xF900, 0xFB50), (0xFE00, 0xFE70), (0xFF00, 0xFFF0)),
    *((0xFDD0, 0xFDF0), (0xFFF0, 0x10000), (0x1D400, 0x1D800), (0x1F300, 0x1FA00)),
    *((0x20000, 0x20100), (0xE0020, 0xE0080), (0x10FFF0, 0x110000)),
]
_PIECES = [
    *(" ", "  ", "   ", "\n", "\n\n", "\r\n", "\t", "\u00a0", "\u3000", "\u2581"),
    *(
        "a",
        "B",
        "é",
        "e\u0301",
        "ß",
        "1",
        "22",
        "333",
        "日本",
        "한국",
        "हिन्दी",
        "مرحبا",
    ),
    *("😀", "👩‍👩‍👧‍👦", "🇩🇪", "\u200d", "\ufe0f", "\u0301", "\u0338", "'s", "'LL", "'"),
    *("_", "-", ".", "...", "<", ">", "/", "//", "the ", "ing", "Hello"),
    *("HTTPServer", "Zyzzyva"),
]


@cache
def real_text() -> str:
    """Some of the standard library, of this repository, and of other scripts."""
    library = Path(sysconfig.get_paths()["stdlib"])
    here = Path(__file__).parent.parent.parent
    paths = [library / name for name in ("ast.py", "json/decoder.py", "typing.py")]
    paths += sorted(here.glob("pensieve/prompt/*.py"))
    paths += [here / "README.md", here / "csrc/sse/json_escape.cpp"]
    return "\n".join([*VARIED, *(path.read_text() for path in paths)])


class RandomTexts:
    """Draws texts. The same seed draws the same ones.

    Args:
        tokens: written into some of them.
    """

    def __init__(self, seed: int, tokens: list[str]) -> None:
        self._random = random.Random(seed)
        self._tokens = tokens

    def draw(self) -> str:
        parts = [
            self._random.choice([self._cut, self._noise, self._pieces, self._token])()
            for _ in range(self._random.randint(1, 5))
        ]
        return "".join(parts)

    def _cut(self) -> str:
        text = real_text()
        start = self._random.randrange(len(text))
        return text[start : start + self._random.randint(1, 60)]

    def _noise(self) -> str:
        first, end = self._random.choice(_RANGES)
        chars = [self._random.randrange(first, end) for _ in range(6)]
        return "".join(map(chr, chars[: self._random.randint(1, 6)]))

    def _pieces(self) -> str:
        return "".join(self._random.choices(_PIECES, k=self._random.randint(1, 8)))

    def _token(self) -> str:
        if not self._tokens:
            return ""
        token = self._random.choice(self._tokens)
        return token[: self._random.choice([None, None, -1, len(token) // 2])]
