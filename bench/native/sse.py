"""Frames of server-sent events: a delta of a few characters, and a long one.

The baselines are what a server without a framer does: the standard library's JSON of
the whole event (which is the slow twin in tests/reference), and a prepared beginning
and end around a string that msgspec encodes.
"""

import json
from collections.abc import Callable
from pathlib import Path

from ..case import Case, Contest, MissingError

SHORT = " the lamp\u2019s"
LONG = ('{"path": "C:\\\\logs", "lines": [\n' + "x" * 40 + "é\t\u2028") * 40
BEGINNING = (
    b"event: content_block_delta\ndata: "
    b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":'
)


def with_json(text: str) -> bytes:
    """Return the frame of a text delta, by the standard library."""
    event = {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "text_delta", "text": text},
    }
    data = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
    return f"event: content_block_delta\ndata: {data}\n\n".encode()


def delta(text: str) -> Callable[[Path], Contest]:
    """Return what sets up the framing of this text."""

    def make(_: Path) -> Contest:
        try:
            from pensieve._native.sse import DeltaFramer
        except ImportError:
            raise MissingError("no pensieve._native.sse here") from None
        import msgspec

        framer = DeltaFramer(0, "text_delta", "text")
        encode = msgspec.json.Encoder().encode
        size = len(framer.frame(text))
        return Contest(
            lambda: framer.frame(text),
            {
                "json": lambda: with_json(text),
                "msgspec": lambda: BEGINNING + encode(text) + b"}}\n\n",
            },
            size,
        )

    return make


def whole(_: Path) -> Contest:
    """Set up the framing of an event that is JSON already."""
    try:
        from pensieve._native.sse import frame
    except ImportError:
        raise MissingError("no pensieve._native.sse here") from None
    event, data = b"message_delta", b'{"type":"message_delta","usage":{}}'
    return Contest(
        lambda: frame(event, data),
        {"bytes": lambda: b"event: " + event + b"\ndata: " + data + b"\n\n"},
        len(frame(event, data)),
    )


CASES = [
    Case("sse.delta", delta(SHORT)),
    Case("sse.long_delta", delta(LONG)),
    Case("sse.frame", whole),
]
