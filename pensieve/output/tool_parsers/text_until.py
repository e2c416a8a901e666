"""Text in, text out up to the next opener, wherever the pieces are cut.

What goes out is certain: only the longest end of the text that begins an opener is held
back, and the white space before it, which is dropped if an opener follows.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

MAX_HELD_SPACE = 256
"""Characters of white space that wait for what follows; those before them go out."""


class Found(NamedTuple):
    """What some text made certain."""

    text: str
    """Text that may go out, without any opener."""
    opener: str = ""
    """The opener that came after it, or nothing."""
    rest: str = ""
    """What was fed beyond the opener. Empty if none came."""
    space: str = ""
    """The white space that was dropped before the opener."""


class TextUntil:
    """Watches for openers: `feed` until one is found, then what follows its call.

    The opener found is the one that begins first; of those that begin together, the
    first in the order given that is there. So none may be the beginning of a later one.
    White space (of at most MAX_HELD_SPACE characters) just before an opener is dropped,
    and so is all that follows the last call if it is white space only.
    """

    def __init__(self, openers: Sequence[str], keeps_space: bool = False) -> None:
        """Begin an answer.

        Args:
            openers: none of them empty.
            keeps_space: white space before openers and at the end is text like any.
        """
        self._opener = re.compile("|".join(map(re.escape, openers)))
        self._beginnings = frozenset(
            opener[:size] for opener in openers for size in range(1, len(opener))
        )
        self._longest = max(map(len, openers)) - 1
        self._firsts = {opener[0] for opener in openers}
        self._keeps_space = keeps_space
        self._held = ""
        self._is_after_opener = False

    def passes(self, text: str) -> bool:
        """Take text that goes out whole; False, and nothing is taken: `feed` has to.

        PERF: so it is with most tokens; bench/serve/bench_http_cpu.py
        """
        if self._held or not text or (text[-1].isspace() and not self._keeps_space):
            return False
        for first in self._firsts:
            if first in text:
                return False
        self._is_after_opener = False
        return True

    def feed(self, text: str) -> Found:
        """Return the text that is certain, and the opener that ends it if one came."""
        text = self._held + text
        opener = self._opener.search(text)
        if opener is not None:
            self._held = ""
            self._is_after_opener = True
            begin = opener.start()
            end = self._without_space(text, begin)
            rest = text[opener.end() :]
            return Found(text[:end], opener.group(), rest, space=text[end:begin])
        end = self._without_space(text, len(text) - self._size_of_beginning(text))
        self._held = text[end:]
        if end:
            self._is_after_opener = False
        return Found(text[:end])

    def finish(self) -> str:
        """Return the text that was held back: the opener that it began did not come."""
        held, self._held = self._held, ""
        if self._is_after_opener and not self._keeps_space and held.isspace():
            return ""
        return held

    def _size_of_beginning(self, text: str) -> int:
        """Return the size of the text's longest end that begins an opener."""
        longest = min(self._longest, len(text))
        start = len(text) - longest
        # PERF: most ends have no opener's first character, and are not cut up
        if all(text.find(first, start) < 0 for first in self._firsts):
            return 0
        for size in range(longest, 0, -1):
            if text[-size:] in self._beginnings:
                return size
        return 0

    def _without_space(self, text: str, end: int) -> int:
        """Return where the text before `end` ends if its last white space is held."""
        if self._keeps_space or not text[:end][-1:].isspace():
            return end
        begin = max(0, end - MAX_HELD_SPACE)
        return begin + len(text[begin:end].rstrip())
