"""What a person types, or a program pipes in: lines in, messages out."""

import contextlib
import io
import sys
from typing import NamedTuple

FENCE = '"""'
"""Opens a message of several lines, and closes it."""


class Message(NamedTuple):
    """One message."""

    text: str
    is_command: bool
    """It begins with a slash. Between fences nothing is a command."""


class Typed:
    """Reads messages from stdin: a line each, or what stands between two fences.

    Args:
        has_prompt: whether somebody sits there.
    """

    def __init__(self, has_prompt: bool) -> None:
        self._has_prompt = has_prompt
        # Bytes that are no text must not end the conversation.
        if isinstance(sys.stdin, io.TextIOWrapper):
            sys.stdin.reconfigure(errors="replace")
        if has_prompt:
            # Lines can then be edited, and had again by the arrow keys.
            with contextlib.suppress(ImportError):
                import readline  # noqa: F401

    def next(self) -> Message | None:
        """Return the next message, None at the end.

        Raises:
            KeyboardInterrupt: Ctrl-C instead.
        """
        line = self._line("> ")
        if line is None:
            return None
        opening = line.strip()
        if not opening.startswith(FENCE):
            return Message(opening, opening.startswith("/"))
        text = opening.removeprefix(FENCE)
        while not text.rstrip().endswith(FENCE):
            more = self._line(". ")
            if more is None:  # the end closes it, too
                return Message(text.strip("\n"), False)
            text += "\n" + more
        return Message(text.rstrip().removesuffix(FENCE).strip("\n"), False)

    def _line(self, prompt: str) -> str | None:
        if self._has_prompt and sys.stdout.isatty():
            try:
                return input(prompt)
            except EOFError:
                return None
        if self._has_prompt:
            print(prompt, end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
        return line.removesuffix("\n") if line else None
