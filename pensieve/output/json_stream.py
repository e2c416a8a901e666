"""JSON as a model writes it in, valid JSON out, as early as it is certain.

A string's characters go out as they come; only numbers, words, and an escape that is
not whole wait for their end. What models get wrong is put right on the way:

    raw control characters in strings   escaped
    \\d, C:\\Users (no such escape)       the backslash is meant: \\\\d
    \\'                                  '
    half of a surrogate pair            U+FFFD
    'single quotes', keys without any   "double quotes"
    True, False, None                   true, false, null
    NaN, Infinity, undefined, 1e999     null
    .5, +1, 1_000, 007                  0.5, 1, 1000, 7
    any other word                      a string
    commas and colons that are missing  added; those too many, and white space, dropped
    a key without a value               null
    a bracket that closes an outer one  closes those inside too

What cannot be put right (`<` or "`" outside of a string, which begin the syntax around
the JSON; nesting deeper than MAX_DEPTH) ends the value: all that is open is closed.
"""

import enum
import json
import math
import re

REPLACEMENT = "\ufffd"
MAX_DEPTH = 100
MAX_NUMBER_SIZE = 300
"""Characters of a number; a longer one becomes a string."""

_SPACE = re.compile(r"\s+")
_BARE = re.compile(r"""[^\s,:{}\[\]"'<`]+""")
_PLAIN = {
    quote: re.compile(rf'[^"\\{quote}\x00-\x1f\ud800-\udfff]+') for quote in ('"', "'")
}
_SHORT_ESCAPES = frozenset('"\\/bfnrt')
_ESCAPE = re.compile(r"\\u[0-9a-fA-F]{4}")
_PAIR = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")
_PAIR_CUT = re.compile(
    r"\\(u([0-9a-fA-F]{0,3}|[dD][89abAB][0-9a-fA-F]{2}"
    r"(\\(u([dD]([c-fC-F][0-9a-fA-F]?)?)?)?)?))?"
)
_HALF = re.compile(r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_SURROGATE = re.compile("[\ud800-\udfff]")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_WORDS = {
    "true": "true",
    "True": "true",
    "false": "false",
    "False": "false",
    "null": "null",
    "None": "null",
    "undefined": "null",
}
_CLOSER_OF = {"{": "}", "[": "]"}


class _Next(enum.Enum):
    """What may come next, outside of strings."""

    FIRST = enum.auto()  # the value itself
    KEY = enum.auto()  # of an object
    VALUE = enum.auto()  # of a key
    ELEMENT = enum.auto()  # of an array


class JsonStream:
    """One value: `feed` until `is_complete`; nothing is ever taken back.

    A value that is no object, array or string ends with what follows it.
    """

    def __init__(self) -> None:
        self.is_complete = False
        """All of the value went out, and what went out is valid."""
        self.complete_size = 0
        """Characters that went out up to the end of the last complete value in it."""
        self.complete_closers = ""
        """The brackets that were open there, as they have to be closed."""
        self._num_out = 0
        self._out: list[str] = []
        self._held = ""  # of a string, the beginning of an escape
        self._open = ""  # brackets that close what is open, the innermost first
        self._next = _Next.FIRST
        self._needs_comma = False
        self._quote = ""  # of the string that is open
        self._is_key = False  # that string is a key
        self._bare: str | None = None  # a number or word so far

    def feed(self, text: str) -> tuple[str, str]:
        """Return (JSON that is certain, what was fed beyond the value's end)."""
        text, self._held = self._held + text, ""
        position = 0
        while position < len(text) and not self.is_complete:
            if self._quote:
                position = self._string(text, position)
            elif self._bare is not None:
                position = self._bare_text(text, position)
            else:
                position = self._structure(text, position)
        return self._taken(), text[position:] if self.is_complete else ""

    def closing(self) -> str:
        """End the value where it is; return what makes valid what went out."""
        if not self.is_complete:
            self._close()
        return self._taken()

    def _taken(self) -> str:
        taken = "".join(self._out)
        self._out.clear()
        return taken

    def _emit(self, text: str) -> None:
        self._num_out += len(text)
        self._out.append(text)

    def _structure(self, text: str, position: int) -> int:
        """Take one token that is no string, or begin a string; return where it ends."""
        position = _end_of(_SPACE, text, position)
        character = text[position : position + 1]
        if character == "":
            return position
        if character in "\"'":
            self._begin_string(character)
        elif character in "{[":
            self._begin_container(character)
        elif character in "}],:" and self._next is _Next.FIRST:
            self._emit("null")
            self._end_value()
            return position
        elif character in "}]":
            self._end_container(character)
        elif character == ",":
            self._end_member()
        elif character in "<`":
            self._close()
            return position
        elif character != ":":
            self._bare = ""
            return position
        return position + 1

    def _string(self, text: str, position: int) -> int:
        """Take a string's text; return where it ends, or an escape that is cut."""
        plain = _PLAIN[self._quote]
        size = len(text)
        while True:
            end = _end_of(plain, text, position)
            if end > position:
                self._emit(text[position:end])
            if end == size:
                return end
            character = text[end]
            if character == self._quote:
                self._end_string()
                return end + 1
            if character == "\\":
                position = self._escape(text, end)
            else:
                self._emit(_escaped(character))
                position = end + 1

    def _escape(self, text: str, position: int) -> int:
        """Take one escape, or hold what may become one; return where it ends."""
        if text[position + 1 : position + 2] in _SHORT_ESCAPES:
            self._emit(text[position : position + 2])
            return position + 2
        if _PAIR_CUT.fullmatch(text, position):
            self._held = text[position:]
            return len(text)
        escape = _PAIR.match(text, position) or _ESCAPE.match(text, position)
        if escape is not None:
            is_half = _HALF.fullmatch(escape.group())
            self._emit(REPLACEMENT if is_half else escape.group())
            return escape.end()
        if text[position + 1] == "'":
            self._emit("'")
            return position + 2
        self._emit("\\\\")
        return position + 1

    def _begin_string(self, quote: str) -> None:
        self._quote = quote
        self._is_key = self._next is _Next.KEY
        self._separate()
        self._emit('"')

    def _end_string(self) -> None:
        self._emit('"')
        self._quote = ""
        if self._is_key:
            self._next = _Next.VALUE
        else:
            self._end_value()

    def _bare_text(self, text: str, position: int) -> int:
        """Take more of a number or a word; return where the text or it ends."""
        end = _end_of(_BARE, text, position)
        self._bare = (self._bare or "") + text[position:end]
        if end < len(text):
            self._end_bare()
        return end

    def _end_bare(self) -> None:
        bare, self._bare = self._bare or "", None
        is_key = self._next is _Next.KEY
        self._separate()
        self._emit(f'"{_escaped(bare)}"' if is_key else _scalar(bare))
        if is_key:
            self._next = _Next.VALUE
        else:
            self._end_value()

    def _begin_container(self, opener: str) -> None:
        if self._next is _Next.KEY:
            return  # brackets written twice, as in {{"a": 1}}
        if len(self._open) == MAX_DEPTH:
            self._close()
            return
        self._separate()
        self._emit(opener)
        self._open = _CLOSER_OF[opener] + self._open
        self._next = _Next.KEY if opener == "{" else _Next.ELEMENT
        self._needs_comma = False

    def _end_container(self, closer: str) -> None:
        if closer not in self._open:
            return
        is_found = False
        while not is_found:
            is_found = self._open[0] == closer
            self._close_innermost()

    def _close_innermost(self) -> None:
        self._end_member()
        self._emit(self._open[0])
        self._open = self._open[1:]
        self._end_value()

    def _end_member(self) -> None:
        """End what comes before a comma or a bracket: a key may lack its value."""
        if self._next is _Next.VALUE:
            self._emit(":null")
            self._end_value()

    def _separate(self) -> None:
        """Write what stands between the value or key that begins and what is before."""
        if self._next is _Next.VALUE:
            self._emit(":")
        elif self._needs_comma:
            self._emit(",")

    def _end_value(self) -> None:
        self._needs_comma = True
        self.complete_size, self.complete_closers = self._num_out, self._open
        if self._open:
            self._next = _Next.KEY if self._open[0] == "}" else _Next.ELEMENT
        else:
            self.is_complete = True

    def _close(self) -> None:
        """End all that is open, where it is."""
        if self._quote:
            self._end_string()
        elif self._bare:
            self._end_bare()
        if self._next is _Next.FIRST and not self.is_complete:
            self._emit("null")
            self._end_value()
        while self._open:
            self._close_innermost()


def closed(json_prefix: str) -> str:
    """Return the object that a JSON object's text, cut anywhere, is known to have.

    Members whose value is complete are in it, also those of objects and arrays that are
    not. A string or number that was cut is left out, with its key: half of a command is
    not the command. A text that begins no object is the empty one.
    """
    stream = JsonStream()
    text, _ = stream.feed(json_prefix)
    if not text.startswith("{") or not stream.complete_size:
        return "{}"
    return text[: stream.complete_size] + stream.complete_closers


def _end_of(run: re.Pattern[str], text: str, position: int) -> int:
    """Return where a run of characters that begins at `position` ends."""
    found = run.match(text, position)
    return found.end() if found else position


def _escaped(text: str) -> str:
    """Return text as it has to be inside of a JSON string."""
    return json.dumps(_SURROGATE.sub(REPLACEMENT, text), ensure_ascii=False)[1:-1]


def _scalar(bare: str) -> str:
    """Return a number or word as JSON."""
    if bare in _WORDS:
        return _WORDS[bare]
    try:
        number = float(bare[: MAX_NUMBER_SIZE + 1])
    except ValueError:
        return f'"{_escaped(bare)}"'
    if len(bare) > MAX_NUMBER_SIZE:
        return f'"{_escaped(bare)}"'
    if not math.isfinite(number):
        return "null"
    if _NUMBER.fullmatch(bare):
        return bare
    try:
        return str(int(bare))
    except ValueError:
        return repr(number)
