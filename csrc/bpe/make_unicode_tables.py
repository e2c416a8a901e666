"""Write the tables beside this script: `python csrc/bpe/make_unicode_tables.py`.

The classes are those that the regex engine of Hugging Face `tokenizers` sees, asked of
it code point by code point; so they have to be made anew where its Unicode version
changes, which tests/native/test_splitter.py tells. NFC's are those of Python's
unicodedata: what that does not know yet is left for the slow way, whatever the version.
unicode.hpp states the size of the classes' table.
"""

import unicodedata
from collections.abc import Callable, Iterable
from pathlib import Path

import tokenizers
from tokenizers import Regex, pre_tokenizers

HERE = Path(__file__).parent
BLOCK = 128
"""Code points: all of ASCII is the first block, and found with one look."""

CODE_POINTS = [*range(0xD800), *range(0xE000, 0x110000)]  # no surrogates

# The numbers of CharClass in unicode.hpp.
OTHER, UPPER, LOWER, LETTER, MARK, NUMBER, LATE_NUMBER = range(7)
SYMBOL, APOSTROPHE, SPACE, NEWLINE, WHITE = range(7, 12)
CJK_LETTER, CJK_MARK, CJK_SYMBOL, CJK_OTHER = range(12, 16)
AS_CJK = {
    LETTER: CJK_LETTER,
    MARK: CJK_MARK,
    SYMBOL: CJK_SYMBOL,
    OTHER: CJK_OTHER,
}

UNSURE = 255
"""In NFC's table: not allowed, or perhaps not, or unassigned."""


def matched(pattern: str) -> set[int]:
    """Return the code points that the engine of `tokenizers` matches."""
    step = pre_tokenizers.Split(Regex(pattern), "removed")
    found = set()
    for start in range(0, len(CODE_POINTS), 4096):
        some = CODE_POINTS[start : start + 4096]
        pieces = step.pre_tokenize_str("".join(map(chr, some)))
        rest = {char for piece, _ in pieces for char in piece}
        found.update(point for point in some if chr(point) not in rest)
    return found


def isolated_by_digits() -> set[int]:
    """Return what `Digits` takes for one, which asks Rust and not the engine."""
    step = pre_tokenizers.Digits(individual_digits=True)
    text = "a".join(map(chr, CODE_POINTS))
    return {ord(piece) for piece, _ in step.pre_tokenize_str(text) if len(piece) == 1}


def char_classes() -> bytearray:
    """Return the class of each code point; surrogates are OTHER."""
    classes = bytearray(0x110000)
    by_pattern = {
        r"[\p{Lu}\p{Lt}]": UPPER,
        r"\p{Ll}": LOWER,
        r"[\p{Lm}\p{Lo}]": LETTER,
        r"\p{M}": MARK,
        r"\p{N}": NUMBER,
        r"[\p{P}\p{S}]": SYMBOL,
        r"\s": WHITE,
    }
    for pattern, char_class in by_pattern.items():
        for point in matched(pattern):
            assert classes[point] == OTHER
            classes[point] = char_class
    isolated = isolated_by_digits()
    assert matched(r"\p{N}") <= isolated
    for point in isolated - {ord("a")}:
        if classes[point] != NUMBER:
            assert classes[point] == OTHER
            classes[point] = LATE_NUMBER
    for point in matched("[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]"):  # DeepSeek's
        classes[point] = AS_CJK[classes[point]]
    for char, char_class in {
        "'": APOSTROPHE,
        " ": SPACE,
        "\r": NEWLINE,
        "\n": NEWLINE,
    }.items():
        classes[ord(char)] = char_class
    return classes


def nfc_classes() -> bytearray:
    """Return combining classes, and UNSURE where NFC_Quick_Check is not Yes."""
    classes = bytearray(0x110000)
    second_halves = {*range(0x1161, 0x1176), *range(0x11A8, 0x11C3)}  # Hangul's
    for point in CODE_POINTS:
        halves = unicodedata.decomposition(chr(point)).split()
        if len(halves) == 2 and not halves[0].startswith("<"):
            second_halves.add(int(halves[1], 16))
    for point in CODE_POINTS:
        char = chr(point)
        if (
            point in second_halves
            or unicodedata.normalize("NFC", char) != char
            or unicodedata.category(char) == "Cn"
        ):
            classes[point] = UNSURE
        else:
            classes[point] = unicodedata.combining(char)
    return classes


def two_stages(values: bytearray) -> tuple[list[int], list[int]]:
    """Return each block's place among the different blocks, and these joined."""
    places: dict[bytes, int] = {}
    indices = []
    for start in range(0, len(values), BLOCK):
        block = bytes(values[start : start + BLOCK])
        indices.append(places.setdefault(block, len(places)))
    return indices, [value for block in places for value in block]


def array(name: str, values: Iterable[int], element: str) -> str:
    """Return a C++ array's definition."""
    numbers = [str(value) for value in values]
    lines, line = [], " "
    for number in numbers:
        if len(line) + len(number) + 2 > 88:
            lines.append(line)
            line = " "
        line += f" {number},"
    lines.append(line)
    size = len(numbers)
    return "\n".join(
        [f"const std::array<std::{element}, {size}> {name}{{{{", *lines, "}};", ""]
    )


def write(file: str, source: str, name: str, make: Callable[[], bytearray]) -> None:
    """Write one table's two stages."""
    indices, values = two_stages(make())
    element = "uint8_t" if max(indices) < 256 else "uint16_t"
    (HERE / file).write_text(
        f"// Made by make_unicode_tables.py from {source}.\n"
        + array(f"k{name}Blocks", indices, element)
        + array(f"k{name}Values", values, "uint8_t")
    )
    print(file, len(indices), len(values))


if __name__ == "__main__":
    write(
        "unicode_classes.inc",
        f"tokenizers {tokenizers.__version__}",
        "Class",
        char_classes,
    )
    write(
        "nfc_classes.inc",
        f"Unicode {unicodedata.unidata_version}",
        "Nfc",
        nfc_classes,
    )
