"""Markdown as it comes, cut into what is final and what may still change.

A block of Markdown is final once a later one has begun: CommonMark never goes back.
Only whole lines count, as "#" may become a heading or a word.
"""

from markdown_it import MarkdownIt
from markdown_it.token import Token

# HTML is text like any other here: a terminal has no use for it, readers have.
_PARSER = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])


def parsed(text: str) -> list[Token]:
    """Return the text's tokens."""
    return _PARSER.parse(text)


class MarkdownBlocks:
    """Holds text back until its blocks are final."""

    def __init__(self) -> None:
        self.pending = ""
        """What has come and is not final."""

    def feed(self, text: str) -> str:
        """Take more text; return the blocks that are final with it, empty for none."""
        self.pending += text
        if "\n" not in text:
            return ""
        whole_lines = self.pending[: self.pending.rindex("\n") + 1]
        starts = [
            token.map[0]
            for token in parsed(whole_lines)
            if token.level == 0 and token.nesting >= 0 and token.map
        ]
        if len(starts) < 2:
            return ""
        # Not splitlines: Markdown knows fewer ends of lines than Python.
        lines = whole_lines.split("\n")
        final = "".join(line + "\n" for line in lines[: starts[-1]])
        self.pending = self.pending[len(final) :]
        return final

    def finish(self) -> str:
        """Return the rest, which is final now."""
        rest, self.pending = self.pending, ""
        return rest
