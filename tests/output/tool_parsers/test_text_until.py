from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference.text_until import cut_at_openers

from pensieve.output.tool_parsers.text_until import MAX_HELD_SPACE, TextUntil

CASES = [
    ("hello <call>{}", ["<call>"]),
    ("a\n\n<call> b <callx<call>\n", ["<call>"]),
    ("<<call><ca", ["<call>"]),
    ("x [A]y[B] [AB", ["[A]", "[B]"]),
    ("nothing  ", ["<call>"]),
    ("  ", ["<call>"]),
    ("", ["<call>"]),
]


def run(pieces, openers, is_passed_first=False, **options):
    """Return (texts, openers), feeding piece by piece."""
    watcher = TextUntil(openers, **options)
    texts, found = [""], []
    for piece in pieces:
        rest = piece
        if is_passed_first and watcher.passes(piece):
            texts[-1] += piece
            continue
        while True:
            text, opener, rest, _ = watcher.feed(rest)
            texts[-1] += text
            if not opener:
                break
            found.append(opener)
            texts.append("")
    texts[-1] += watcher.finish()
    return texts, found


@pytest.mark.parametrize(("text", "openers"), CASES)
def test_the_result_does_not_depend_on_where_the_text_is_cut(text, openers):
    expected = cut_at_openers(text, openers)
    for num_cuts in range(4):
        for cuts in combinations(range(1, len(text)), num_cuts):
            bounds = [0, *cuts, len(text)]
            pieces = [text[a:b] for a, b in pairwise(bounds)]
            assert run(pieces, openers) == expected
            assert run(pieces, openers, is_passed_first=True) == expected


@given(st.lists(st.sampled_from(["<", "<c", "call", ">", "<call>", " ", "\n", "a"])))
def test_any_pieces_give_what_the_whole_text_gives(pieces):
    openers = ["<call>", "<c<"]

    assert run(pieces, openers) == cut_at_openers("".join(pieces), openers)


def test_text_that_begins_no_opener_goes_out_at_once():
    watcher = TextUntil(["<call>"])

    assert watcher.feed("hello <c").text == "hello"
    assert watcher.feed("at> meows").text == " <cat> meows"


def test_what_follows_the_opener_is_handed_back():
    found = TextUntil(["<call>"]).feed("so \n<call>{} ")

    assert found == ("so", "<call>", "{} ", " \n")


def test_space_before_an_opener_can_be_kept():
    assert run([" a ", "\n<call>", " "], ["<call>"], keeps_space=True) == (
        [" a \n", " "],
        ["<call>"],
    )


@pytest.mark.parametrize("piece_size", [1, 7, 5000])
def test_only_so_much_space_waits(piece_size):
    text = "a" + "\n" * 1000 + "<call>"
    pieces = [text[n : n + piece_size] for n in range(0, len(text), piece_size)]

    texts, found = run(pieces, ["<call>"])

    assert found == ["<call>"]
    assert texts == ["a" + "\n" * (1000 - MAX_HELD_SPACE), ""]


@pytest.mark.parametrize("keeps_space", [False, True])
@given(st.lists(st.sampled_from(["<", "<c", "call", "<call>", " ", "\n", "a", ""])))
def test_what_passes_is_what_would_have_come_out(keeps_space, pieces):
    openers = ["<call>", "[c]"]

    assert run(pieces, openers, True, keeps_space=keeps_space) == run(
        pieces, openers, False, keeps_space=keeps_space
    )
