from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference.stop_sequences import cut_at_stop

from pensieve.output.stop_sequences import StopSequences

CASES = [
    ("one</stop>two", ["</stop>"]),
    ("aab aaab", ["aaab"]),
    ("abcd", ["abcd", "c"]),
    ("xxab", ["b", "ab"]),
    ("abcabd", ["abcabe", "bcabd"]),
    ("never", ["nevermore"]),
    ("stop", ["stop"]),
    ("", ["x"]),
    ("a\u2028\U0001f600b", ["\U0001f600b"]),
]


def run(pieces, sequences):
    """Return (text, matched), feeding piece by piece."""
    watcher = StopSequences(sequences)
    text = "".join(watcher.feed(piece) for piece in pieces)
    return text + watcher.finish(), watcher.matched


@pytest.mark.parametrize(("text", "sequences"), CASES)
def test_the_result_does_not_depend_on_where_the_text_is_cut(text, sequences):
    expected = cut_at_stop(text, sequences)
    for num_cuts in range(4):
        for cuts in combinations(range(1, len(text)), num_cuts):
            bounds = [0, *cuts, len(text)]
            pieces = [text[a:b] for a, b in pairwise(bounds)]
            assert run(pieces, sequences) == expected


@given(
    st.lists(st.text("ab", max_size=4)),
    st.lists(st.text("ab", min_size=1, max_size=5), min_size=1, max_size=4),
)
def test_any_pieces_give_what_the_whole_text_gives(pieces, sequences):
    assert run(pieces, sequences) == cut_at_stop("".join(pieces), sequences)


def test_text_that_begins_no_stop_sequence_goes_out_at_once():
    watcher = StopSequences(["END"])

    assert watcher.feed("hello E") == "hello "
    assert watcher.feed("xtra") == "Extra"


def test_nothing_comes_after_a_stop_sequence():
    watcher = StopSequences(["|"])

    assert watcher.feed("a|b") == "a"
    assert watcher.feed("c") == ""
    assert watcher.finish() == ""
    assert watcher.matched == "|"


def test_without_stop_sequences_pieces_pass_unchanged():
    watcher = StopSequences([])

    assert [watcher.feed("a"), watcher.feed("")] == ["a", ""]
    assert watcher.finish() == ""
