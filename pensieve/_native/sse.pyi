"""Server-sent event frames, as bytes ready for the socket."""

from typing import Self, final

def frame(event: bytes, data: bytes) -> bytes:
    """Return ``event: <event>\\ndata: <data>\\n\\n``.

    Raises:
        ValueError: a newline in either.
    """

def joined(before: bytes, text: str, after: bytes) -> bytes:
    """Return the three as one, the text in UTF-8 and not escaped.

    What a call that copies as much costs at least: the baseline of DeltaFramer in
    bench/native/bench_sse.py, and used for nothing else.

    Raises:
        UnicodeEncodeError: a lone surrogate in the text.
    """

@final
class DeltaFramer:
    """Frames the content_block_delta events of one block.

    Args:
        index: the block's index, >= 0.
        delta_type: "text_delta", "thinking_delta", "input_json_delta", …
        field: the delta's only other key: "text", "thinking", "partial_json", …
    """

    def __new__(cls, index: int, delta_type: str, field: str) -> Self: ...
    def frame(self, text: str) -> bytes:
        """Return the event for this piece; each lone surrogate becomes U+FFFD."""
