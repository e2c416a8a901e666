"""Server-sent event frames by the standard library: what `_native.sse` is held to."""

import json


def frame(event: bytes, data: bytes) -> bytes:
    return b"event: " + event + b"\ndata: " + data + b"\n\n"


def delta_frame(index: int, delta_type: str, field: str, text: str) -> bytes:
    """Frame one content_block_delta; lone surrogates become U+FFFD."""
    event = {
        "type": "content_block_delta",
        "index": index,
        "delta": {"type": delta_type, field: replace_surrogates(text)},
    }
    data = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
    return frame(b"content_block_delta", data.encode())


def replace_surrogates(text: str) -> str:
    return "".join(
        "\ufffd" if 0xD800 <= ord(character) <= 0xDFFF else character
        for character in text
    )
