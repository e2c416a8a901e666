"""Text with calls in, pieces out: text up to an opener, then what the opener opens.

What follows an opener, up to the text after it, is a section; the families differ in
their openers and sections.
"""

import re
from collections.abc import Callable, Mapping
from typing import Protocol

from pensieve.output.pieces import Piece, Text
from pensieve.output.tool_parsers.text_until import TextUntil


class Section(Protocol):
    """What one opener opens: `feed` until `is_over`, or `finish`."""

    @property
    def is_over(self) -> bool:
        """What comes now is text again."""
        ...

    def feed(self, text: str) -> tuple[list[Piece], str]:
        """Return (pieces that are certain, what was fed beyond the section).

        A section that turns out to be none hands back all of its text.
        """
        ...

    def finish(self) -> list[Piece]:
        """Return what was held back; the answer has ended inside the section."""
        ...


class SectionParser:
    """Parses one answer: any number of `feed`, then `finish`."""

    def __init__(
        self,
        openers: Mapping[str, Callable[[], Section] | None],
        first: Section | None = None,
    ) -> None:
        """Begin an answer.

        Args:
            openers: what each opener opens. None: nothing, it is dropped.
            first: what the answer may begin with, without an opener.
        """
        self._openers = openers
        self._until = TextUntil(list(openers))
        self._section = first
        self._space = ""  # before the opener; text, if the section is none

    def feed(self, text: str) -> list[Piece]:
        """Return what this text makes certain."""
        if self._section is None and self._until.passes(text):
            return [Text(text)]
        pieces: list[Piece] = []
        while text:
            if self._section is not None:
                more, text = self._section.feed(text)
                pieces += self._with_space(more)
                if self._section.is_over:
                    self._section = None
                continue
            found = self._until.feed(text)
            text = found.rest
            if found.text:
                pieces.append(Text(found.text))
            if found.opener:
                self._space = found.space
                begin = self._openers[found.opener]
                self._section = begin() if begin else None
        return pieces

    def finish(self) -> list[Piece]:
        """Return what was held back. A call that was cut short has no CallEnd."""
        if self._section is not None:
            return self._with_space(self._section.finish())
        text = self._until.finish()
        return [Text(text)] if text else []

    def _with_space(self, pieces: list[Piece]) -> list[Piece]:
        """Return a section's pieces, after the space before it if it begins as text."""
        if pieces:
            space, self._space = self._space, ""
            if space and isinstance(pieces[0], Text):
                return [Text(space), *pieces]
        return pieces


class Tail:
    """What stands behind a call: white space, brackets too many, and the closer.

    A closer that models forget is not waited for.
    """

    def __init__(self, closer: str, strays: str = "}]") -> None:
        """Begin behind a call.

        Args:
            closer: what ends it. May be empty.
            strays: characters that are dropped before the closer, beside white space.
        """
        self.is_over = False
        self._closer = closer
        self._strays = re.compile(rf"[\s{re.escape(strays)}]+")
        self._held = ""

    def feed(self, text: str) -> str:
        """Return what was fed beyond the closer, or all if none comes."""
        text = self._held + text
        strays = self._strays.match(text)
        text = text[strays.end() :] if strays else text
        if self._closer.startswith(text) and text != self._closer:
            self._held = text
            return ""
        self.is_over = bool(text)
        return text.removeprefix(self._closer)
