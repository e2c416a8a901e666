import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import sse as reference

from pensieve._native.sse import DeltaFramer, frame, joined

ANY_TEXT = st.text(st.characters())  # surrogates too, unlike st.text()


def data_of(framed):
    """Parse a frame as a client does, and return its data as JSON."""
    event, data, *end = framed.decode().split("\n")
    assert event == "event: content_block_delta"
    assert data.startswith("data: ")
    assert end == ["", ""]
    return json.loads(data.removeprefix("data: "))


@given(st.binary(), st.binary())
def test_a_frame_equals_the_reference(event, data):
    if any(end in part for end in b"\r\n" for part in (event, data)):
        with pytest.raises(ValueError, match=r"^\[sse\] .* got a newline at byte"):
            frame(event, data)
    else:
        assert frame(event, data) == reference.frame(event, data)


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_a_newline_is_refused_with_its_place(end):
    with pytest.raises(ValueError, match=r"^\[sse\] event: .* at byte 2$"):
        frame(b"ab" + end + b"c", b"{}")
    with pytest.raises(ValueError, match=r"^\[sse\] data: .* at byte 1$"):
        frame(b"ping", b"{" + end)


@given(st.integers(0, 2**40), ANY_TEXT, ANY_TEXT, ANY_TEXT)
def test_a_delta_equals_the_reference(index, delta_type, field, text):
    delta_type, field = map(reference.replace_surrogates, (delta_type, field))
    if field == "type":
        field = "text"
    framer = DeltaFramer(index, delta_type, field)

    expected = reference.delta_frame(index, delta_type, field, text)
    assert framer.frame(text) == expected


@given(ANY_TEXT)
def test_a_client_reads_the_text_that_was_framed(text):
    framed = DeltaFramer(0, "text_delta", "text").frame(text)

    assert data_of(framed) == {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "text_delta", "text": reference.replace_surrogates(text)},
    }


@pytest.mark.parametrize("before", ["", "x" * 7, "x" * 15, "x" * 16, "é" * 8])
def test_every_character_is_framed_wherever_it_stands(before):
    framer = DeltaFramer(1, "thinking_delta", "thinking")
    for first in range(0, sys.maxunicode + 1, 64):
        text = before + "".join(map(chr, range(first, first + 64)))
        assert framer.frame(text) == reference.delta_frame(
            1, "thinking_delta", "thinking", text
        )


def test_one_framer_frames_any_number_of_texts():
    framer = DeltaFramer(0, "input_json_delta", "partial_json")
    pieces = ['{"pa', 'th":', ' "C:\\\\', '\\u00e9"}', ""]

    framed = [data_of(framer.frame(piece)) for piece in pieces]

    assert [event["delta"]["partial_json"] for event in framed] == pieces


def test_arguments_out_of_range_are_refused():
    with pytest.raises(
        ValueError, match=r"^\[sse\] index: expected 0 or more, got -1$"
    ):
        DeltaFramer(-1, "text_delta", "text")
    with pytest.raises(TypeError):
        DeltaFramer(0, "text_delta", None)
    with pytest.raises(TypeError):
        DeltaFramer(0, "text_delta", "text").frame(b"bytes")


@given(st.binary(max_size=20), st.text(), st.binary(max_size=20))
def test_the_baseline_copies_as_many_bytes(before, text, after):
    assert joined(before, text, after) == before + text.encode() + after


def test_the_baseline_has_no_way_with_surrogates():
    with pytest.raises(UnicodeEncodeError):
        joined(b"", "\ud800", b"")


@pytest.mark.parametrize("size", [*range(250, 262), 1000])
@pytest.mark.parametrize("character", ["x", "\x01", '"', "\u00e9", "\U0001f680"])
def test_short_and_long_texts_are_framed_alike(size, character):
    text = character * size
    expected = reference.delta_frame(0, "text_delta", "text", text)

    assert DeltaFramer(0, "text_delta", "text").frame(text) == expected
