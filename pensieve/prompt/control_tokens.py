"""No client text becomes a control token: mark it before rendering, split after.

A chat template writes control tokens as plain text, so the rendered prompt alone does
not say who wrote `<|im_end|>`. Each place in client text that is a control token, or
could become one beside text that the template writes, is therefore broken by MARK, a
noncharacter. In the rendered text only the template's own control tokens still match;
the spans between them are unmarked and are text, whatever they say.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import tokenizers

from pensieve.errors import ModelError

MARK = "\ufdd0"
"""Breaks a control token. Noncharacters are for a program's own use (Unicode 23.7)."""
ESCAPE = "\ufdd1"
"""Leads the stand-in for a reserved noncharacter that a client sent."""
CUT = "\ufdd2"
"""Reserved for the chat template: where a rendered prompt ends."""

RESERVED = MARK + ESCAPE + CUT
"""Characters that mean something in rendered text."""
_STAND_INS = {char: f"{ESCAPE}{index}" for index, char in enumerate(RESERVED)}
_ORIGINALS = {stand_in: char for char, stand_in in _STAND_INS.items()}
_FROM_CLIENT = re.compile(f"[{RESERVED}]")
_UNMARKED = re.compile(f"{MARK}|{ESCAPE}[0-{len(RESERVED) - 1}]")


class Piece(NamedTuple):
    """A part of a rendered prompt."""

    part: int | str
    """A control token's id, or text."""
    end: int | None
    """Of a control token: where it ends, if what comes after can be split alone."""


class ControlTokens:
    """The control tokens of one model.

    Args:
        tokens: by id. One of a single character is ignored: it cannot be broken.

    Raises:
        ModelError: no pattern can be made of them.
    """

    def __init__(self, tokens: Mapping[int, tokenizers.AddedToken]) -> None:
        self._tokens = {
            token.content: (token_id, token)
            for token_id, token in tokens.items()
            if len(token.content) > 1
        }
        self._pattern = _one_of(self._tokens)
        self._may_begin_in_space = any(_is_space(text[0]) for text in self._tokens)
        self.max_chars = max(map(len, self._tokens), default=0)
        """Of the longest one."""
        self._contents = ESCAPE + "".join(f"{text}{ESCAPE}" for text in self._tokens)

    def mark(self, text: str) -> str:
        """Return client text with every possible control token broken."""
        text = _FROM_CLIENT.sub(lambda match: _STAND_INS[match[0]], text)
        text = self._break_whole_ones(text)
        return self._break_parts_at_the_edges(text)

    def split(self, rendered: str, start: int = 0) -> Iterator["Piece"]:
        """Yield the control tokens' ids, and between them the unmarked text.

        Args:
            rendered: whose client text was marked.
            start: what goes before is left out: 0, or the `end` of a piece.
        """
        done = start
        for match in self._pattern.finditer(rendered, start):
            token_id, token = self._tokens[match[0]]
            begin, end = match.span()
            if token.lstrip:
                while begin > done and _is_space(rendered[begin - 1]):
                    begin -= 1
            if begin > done:
                yield Piece(_unmark(rendered[done:begin]), None)
            done = end
            if token.rstrip:
                while done < len(rendered) and _is_space(rendered[done]):
                    done += 1
            is_apart = done == end or not self._may_begin_in_space
            yield Piece(token_id, done if is_apart else None)
        if done < len(rendered):
            yield Piece(_unmark(rendered[done:]), None)

    def _break_whole_ones(self, text: str) -> str:
        """Put a MARK after the first character of each occurrence, overlapping too."""
        pieces = []
        done = 0
        while match := self._pattern.search(text, done):
            after_first = match.start() + 1
            pieces.append(text[done:after_first])
            done = after_first
        return MARK.join([*pieces, text[done:]])

    def _break_parts_at_the_edges(self, text: str) -> str:
        """Put a MARK where text that the template adds could complete a token.

        Inside the outer whitespace, since templates trim.
        """
        core = text.strip()
        begins_like_an_end = self._ends_in_a_token(core)
        ends_like_a_start = self._starts_in_a_token(core)
        if not begins_like_an_end and not ends_like_a_start:
            return text
        start = text.index(core)
        stop = start + len(core)
        before = MARK if begins_like_an_end else ""
        after = MARK if ends_like_a_start else ""
        return f"{text[:start]}{before}{core}{after}{text[stop:]}"

    def _ends_in_a_token(self, core: str) -> bool:
        """Say whether a token's end begins `core`, or all of `core` is in a token."""
        for length in range(1, len(core) + 1):
            head = core[:length]
            if head not in self._contents:
                return False
            if head + ESCAPE in self._contents:
                return True
        return bool(core)

    def _starts_in_a_token(self, core: str) -> bool:
        """Say whether a token's start ends `core`, or all of `core` is in a token."""
        for length in range(1, len(core) + 1):
            tail = core[-length:]
            if tail not in self._contents:
                return False
            if ESCAPE + tail in self._contents:
                return True
        return bool(core)


def _unmark(text: str) -> str:
    if MARK not in text and ESCAPE not in text:
        return text  # PERF: nearly always, and told in no time
    return _UNMARKED.sub(lambda match: _ORIGINALS.get(match[0], ""), text)


def _is_space(char: str) -> bool:
    # Unicode's White_Space, as tokenizers strips; str.isspace has four more.
    return char.isspace() and not "\x1c" <= char <= "\x1f"


_Trie = dict[str, "_Trie"]
"""Next character → what may follow; "" where a text may end."""


def _one_of(texts: Iterable[str]) -> re.Pattern[str]:
    """Return a pattern that finds the leftmost of `texts`, the longest there.

    PERF: made from a trie, since Gemma has 6,000 control tokens and re would try the
    branches of a plain alternation one by one.
    """
    trie: _Trie = {}
    for text in texts:
        node = trie
        for char in text:
            node = node.setdefault(char, {})
        node[""] = {}
    if not trie:
        return re.compile("(?!)")  # matches nowhere
    try:
        return re.compile(_pattern(trie))
    except (RecursionError, OverflowError, re.error) as error:
        raise ModelError(
            f"tokenizer: cannot tell its control tokens apart, {error}"
        ) from error


def _pattern(node: _Trie) -> str:
    literal = ""
    while len(node) == 1 and "" not in node:
        ((char, node),) = node.items()
        literal += re.escape(char)
    branches = [
        re.escape(char) + _pattern(child) for char, child in node.items() if char
    ]
    if not branches:
        return literal
    optional = "?" if "" in node else ""
    return f"{literal}(?:{'|'.join(branches)}){optional}"
