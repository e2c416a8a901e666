"""Server-sent event frames, as bytes ready for the socket."""

from typing import Self, final

def frame(event: bytes, data: bytes) -> bytes:
    """Return ``event: <event>\\ndata: <data>\\n\\n``.

    Raises:
        ValueError: a newline in either.
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
