"""Server-sent event frames, as bytes ready for the socket."""

def frame(event: bytes, data: bytes) -> bytes:
    """Return ``event: <event>\\ndata: <data>\\n\\n``.

    Raises:
        ValueError: a newline in either.
    """

class DeltaFramer:
    """Frames the content_block_delta events of one block.

    Args:
        index: the block's index, >= 0.
        delta_type: "text_delta", "thinking_delta", "input_json_delta", …
        field: the delta's only other key: "text", "thinking", "partial_json", …
    """

    def __init__(self, index: int, delta_type: str, field: str) -> None: ...
    def frame(self, text: str) -> bytes:
        """Return the event for this piece, JSON-escaped; lone surrogates become U+FFFD."""
