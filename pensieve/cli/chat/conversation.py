"""A conversation as it is sent, and the content of answers put together for it."""

from typing import Any, Literal, NamedTuple

Block = dict[str, Any]
"""A content block of the Messages API."""


class Piece(NamedTuple):
    """A piece of an answer, as it comes."""

    kind: Literal["text", "thinking"]
    text: str


class AnswerContent:
    """Events in, the answer's blocks out, as they are to be sent back."""

    def __init__(self) -> None:
        self._blocks: list[Block] = []
        self.stop_reason: str | None = None

    def feed(self, event: dict[str, Any]) -> Piece | None:
        """Take the next event; return what it adds to be read, None for nothing."""
        match event:
            case {"type": "content_block_start", "content_block": block}:
                self._blocks.append(dict(block))
            case {"type": "content_block_delta", "delta": delta}:
                return self._add(delta)
            case {"type": "message_delta", "delta": delta}:
                self.stop_reason = delta["stop_reason"]
        return None

    def _add(self, delta: dict[str, str]) -> Piece | None:
        block = self._blocks[-1]
        match delta:
            case {"type": "text_delta", "text": text}:
                block["text"] += text
                return Piece("text", text)
            case {"type": "thinking_delta", "thinking": text}:
                block["thinking"] += text
                return Piece("thinking", text)
            case {"type": "signature_delta", "signature": signature}:
                block["signature"] = signature
        return None

    def blocks(self) -> list[Block]:
        """Return what the API takes back: no empty text, no thinking cut short."""
        return [
            block
            for block in self._blocks
            if (block["type"] == "text" and block["text"].strip())
            or (block["type"] == "thinking" and block.get("signature"))
        ]


class Conversation:
    """What was said so far; the whole of it goes with every question.

    Args:
        system: the system prompt; None: none.
    """

    def __init__(self, system: str | None) -> None:
        self.system = system
        self.messages: list[dict[str, Any]] = []

    def ask(self, question: str) -> None:
        """Add a question. `answered` or `take_back` comes next."""
        self.messages.append({"role": "user", "content": question})

    def answered(self, content: AnswerContent) -> None:
        """Add the answer, if only its beginning; one without text takes all back."""
        blocks = content.blocks()
        if any(block["type"] == "text" for block in blocks):
            self.messages.append({"role": "assistant", "content": blocks})
        else:
            self.take_back()

    def take_back(self) -> None:
        """Remove the question that got no answer."""
        self.messages.pop()

    def forget(self) -> None:
        """Begin anew, with the system prompt that there is."""
        self.messages.clear()
