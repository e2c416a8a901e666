"""An answer's text in, pieces out: the thinking that it begins with, then the rest."""

from pensieve.output.pieces import (
    CallEnd,
    CallInput,
    CallStart,
    Parser,
    Piece,
    Text,
    Thinking,
)
from pensieve.output.thinking import ThinkingSplitter


class PlainText:
    """Parses an answer that has nothing but text."""

    def feed(self, text: str) -> list[Piece]:
        """Return the text."""
        return [Text(text)] if text else []

    def finish(self) -> list[Piece]:
        """Return nothing: nothing is held back."""
        return []


class ThinkingFirst:
    """Parses thinking by itself and gives the text behind it to another parser."""

    def __init__(self, splitter: ThinkingSplitter, answer: Parser) -> None:
        self._splitter = splitter
        self._answer = answer

    def feed(self, text: str) -> list[Piece]:
        """Return what this text makes certain."""
        if self._splitter.is_behind_thinking:
            return self._answer.feed(text)
        return self._parsed(self._splitter.feed(text))

    def finish(self) -> list[Piece]:
        """Return what was held back. A call that was cut short has no CallEnd."""
        return self._parsed(self._splitter.finish()) + self._answer.finish()

    def _parsed(self, split: list[Text | Thinking]) -> list[Piece]:
        pieces: list[Piece] = []
        for piece in split:
            if isinstance(piece, Text):
                pieces += self._answer.feed(piece.text)
            else:
                pieces.append(piece)
        return pieces


class CallsAsText:
    """Parses with another parser; the input of calls that nobody can make is text."""

    def __init__(self, parser: Parser) -> None:
        self._parser = parser

    def feed(self, text: str) -> list[Piece]:
        """Return what this text makes certain."""
        return _without_calls(self._parser.feed(text))

    def finish(self) -> list[Piece]:
        """Return what was held back."""
        return _without_calls(self._parser.finish())


def _without_calls(pieces: list[Piece]) -> list[Piece]:
    return [
        Text(piece.json) if isinstance(piece, CallInput) else piece
        for piece in pieces
        if not isinstance(piece, CallStart | CallEnd)
    ]
