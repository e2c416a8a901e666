from itertools import combinations, pairwise

import pytest

from pensieve.link.frames import FrameDecoder, encode_frame
from pensieve.link.messages import (
    MAX_FRAME_BYTES,
    Cancel,
    Event,
    Finished,
    Hello,
    Request,
    Sampled,
)

REQUESTS = [Hello(1), Cancel(7), Cancel(1 << 40)]


def test_messages_come_out_whole_wherever_the_bytes_are_cut():
    stream = b"".join(encode_frame(each) for each in REQUESTS)
    for cuts in combinations(range(len(stream) + 1), 2):
        decoder = FrameDecoder(Request)
        pieces = [stream[a:b] for a, b in pairwise([0, *cuts, len(stream)])]
        assert [each for piece in pieces for each in decoder.feed(piece)] == REQUESTS


def test_events_keep_their_types():
    events = [Sampled([1, 2], [30, 40]), Finished(1, "end_token")]
    decoder = FrameDecoder(Event)

    assert decoder.feed(b"".join(encode_frame(each) for each in events)) == events


@pytest.mark.parametrize(
    "received",
    [
        (MAX_FRAME_BYTES + 1).to_bytes(4, "little"),
        b"\x01\x00\x00\x00\xc1",
        encode_frame(Finished(1, "end_token")),
        encode_frame(Hello("one")),
    ],
    ids=["too long", "not msgpack", "of the other side", "of the wrong type"],
)
def test_what_is_no_frame_of_this_side_ends_the_connection(received):
    with pytest.raises(ConnectionError, match="frame: "):
        FrameDecoder(Request).feed(received)
