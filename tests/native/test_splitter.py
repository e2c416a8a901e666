import threading
import unicodedata
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import splitting as reference
from reference.texts import ANY, VARIED

from pensieve._native.splitter import count_pieces, is_surely_nfc, pieces

SPLITTERS = [*reference.SPLITTERS, "none"]

CORNERS = [
    *("'s", "'T", "'re", "'Re", "'VE", "'m", "'ll", "'lL", "'D", "'\u017f", "'x"),
    *("'", "''", "/", "!", "((", "_", "#", "\u2014", "\u30fb", "\u30a0", "+"),
    *(" ", "  ", "\t", "\n", "\r", "\r\n", "\x0b", "\x85", "\u00a0", "\u3000"),
    *(
        "a",
        "bc",
        "A",
        "BC",
        "dE",
        "Fg",
        "\u01c5",
        "\u02b0",
        "\u00aa",
        "ß",
        "ש",
        "한",
    ),
    *("漢", "\u9fa6", "か", "カ", "\u3099", "\u3040", "\u0301", "\u093f", "हि"),
    *("1", "23", "456", "7890", "²", "Ⅻ", "\u0661", "\uff11", "\U00011de0"),
    *("😀", "👩\u200d👧", "🏳️", "👍🏽", "\u200b", "\ufeff", "\x00", "\x01\x02"),
    *("\u0378", "\ue000", "\U000e0001", "\U0010ffff", "\U0001d400", "\U00020000"),
]
TEXTS = st.lists(
    st.sampled_from(CORNERS) | st.characters(codec="utf-8"), max_size=16
).map("".join)

RUNS = [" ", "\n", "  \n", "\t ", "a", "A", "aA", "あA", "\u0301", "\u0301AA", "7"]
RUNS += ["!", "'", "'ll", "😀", "漢", "カ・", "\u3040", "\x01", "\u200d", "\r\n/"]


@pytest.mark.parametrize("splitter", SPLITTERS)
@settings(max_examples=150)
@given(TEXTS | ANY)
def test_the_pieces_are_those_of_tokenizers(splitter, text):
    assert pieces(splitter, text) == reference.pieces(splitter, text)


@pytest.mark.parametrize("splitter", SPLITTERS)
def test_any_two_corners_have_the_pieces_of_tokenizers(splitter):
    for text in map("".join, product(CORNERS, repeat=2)):
        assert pieces(splitter, text) == reference.pieces(splitter, text)


@pytest.mark.parametrize("splitter", SPLITTERS)
def test_real_text_has_the_pieces_of_tokenizers(splitter):
    sources = sorted(Path(__file__).parent.glob("*.py"))
    for text in [*VARIED, *(path.read_text("utf-8") for path in sources)]:
        assert pieces(splitter, text) == reference.pieces(splitter, text)


@given(TEXTS)
def test_gpt2_is_what_byte_level_has_built_in(text):
    assert pieces("gpt2", text) == reference.byte_level_pieces(text)


@pytest.mark.parametrize("splitter", ["smollm", "o200k", "deepseek_v3"])
def test_every_code_point_is_seen_as_tokenizers_sees_it(splitter):
    """These three tell all classes apart.

    If this fails with another release of tokenizers, its Unicode is another: run
    csrc/bpe/make_unicode_tables.py.
    """
    assigned = [*range(0xD800), *range(0xE000, 0x34000), *range(0xE0000, 0xE0200)]
    others = range(0x34000, 0x110000, 509)
    for points in (assigned[first::64] for first in range(64)):
        chars = map(chr, [*points, *others[:: 1 + points[0] % 7]])
        text = "".join(f"a{char}B1{char}b!{char}" for char in chars)
        assert pieces(splitter, text) == reference.pieces(splitter, text)


@pytest.mark.parametrize("splitter", SPLITTERS)
@pytest.mark.parametrize("run", RUNS, ids=ascii)
def test_long_runs_have_the_pieces_of_tokenizers(splitter, run):
    for ending in ["", "x", "B", " ", "\n", "!"]:
        text = run * 500 + ending
        assert pieces(splitter, text) == reference.pieces(splitter, text)


@pytest.mark.parametrize("splitter", SPLITTERS)
def test_a_megabyte_of_anything_comes_to_an_end(splitter):
    """Were it looked through once a piece, this would take many minutes."""
    for run in RUNS:
        times = 1_000_000 // len(run.encode())
        count = count_pieces(splitter, run * times)
        assert 1 <= count <= times * len(run)


def test_the_pieces_are_counted_beside_other_threads():
    text = "ab  12\n" * 1000
    counts = []
    threads = [
        threading.Thread(target=lambda: counts.append(count_pieces("llama3", text)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert counts == [len(pieces("llama3", text))] * 4


def test_what_is_no_text_or_no_splitter_is_refused():
    with pytest.raises(ValueError, match=r"^\[splitter\] splitter: .* got 'gpt5'$"):
        pieces("gpt5", "a")
    with pytest.raises(ValueError, match=r"got ''$"):
        count_pieces("", "a")
    with pytest.raises(UnicodeEncodeError):
        pieces("gpt2", "a\ud800")
    with pytest.raises(UnicodeEncodeError):
        is_surely_nfc("\udfff")
    with pytest.raises(TypeError):
        pieces("gpt2", b"a")


# ----- NFC -----

MARKED = st.text(
    st.characters(categories=["Mn", "Mc"], codec="utf-8")
    | st.sampled_from("aeAnक\u0bc6\u09c7가\u1100\u1161\u11a7\u11a8\u212b\uf900\u0344x ")
    | st.characters(codec="utf-8"),
    max_size=8,
)


@settings(max_examples=500)
@given(MARKED | TEXTS)
def test_what_is_surely_nfc_is_so_to_tokenizers(text):
    if is_surely_nfc(text):
        assert reference.is_nfc(text)
        assert reference.is_nfc(text * 2)


def test_each_code_point_that_is_surely_nfc_is_so_beside_others():
    points = [*range(0xD800), *range(0xE000, 0x34000), *range(0x34000, 0x110000, 101)]
    sure = [chr(point) for point in points if is_surely_nfc(chr(point))]

    assert len(sure) > 100_000
    for before in ["", "a", "A", "क", "가", "\u1100", "\u0bc6", "x\u0316"]:
        lines = "\n".join(before + char for char in sure)
        if reference.is_nfc(lines):
            continue
        for line in lines.split("\n"):
            assert reference.is_nfc(line) or not is_surely_nfc(line)


@pytest.mark.parametrize(
    "text",
    [
        "def f(x): return x  # plain",
        "naïve café Ångström œuvre",
        "日本語のテキスト、中文测试。한국어",
        "हिन्दी में लिखा",
        "مرحبا שלום ไทย русский",
        "😀 👩\u200d👧 ☃️",
        "x\u0316\u030d",
    ],
)
def test_ordinary_text_is_surely_nfc(text):
    assert unicodedata.is_normalized("NFC", text)
    assert is_surely_nfc(text)


@pytest.mark.parametrize(
    "text", ["e\u0301", "\u212b", "\uf900", "\u1100\u1161", "x\u030d\u0316"]
)
@pytest.mark.parametrize("before", ["", "x" * 7, "x" * 8, "é" * 9, "日"])
def test_what_nfc_changes_is_not(before, text):
    assert not reference.is_nfc(before + text)
    assert not is_surely_nfc(before + text)
    assert not is_surely_nfc(before + text + before)
