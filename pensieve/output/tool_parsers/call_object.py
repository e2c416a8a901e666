"""A call that is a JSON object: {"name": NAME, "arguments": {…}}, in either order.

The arguments may also be a string that holds the object. Llama 3.x calls them
"parameters", and sometimes the name "function"; some models write both into an object
called "function", as tools are shown to them.
"""

import json
import re
from collections.abc import Container

from pensieve.output.json_stream import JsonStream
from pensieve.output.pieces import CallEnd, CallInput, CallStart, Piece

NAME_KEYS = {"name", "function"}
INPUT_KEYS = {"arguments", "parameters"}
KEYS = NAME_KEYS | INPUT_KEYS | {"type", "id"}

_BEFORE_KEY = re.compile(r"[\s{\[\],:]*")
_BEFORE_VALUE = re.compile(r"[\s:]*")


class CallObject:
    """One object: `feed` until `is_over`.

    Without an opener before it, an object may be an answer that is no call. It is one
    if it has only the keys of calls, a name, and arguments or the name of a known tool;
    if not, it is over as soon as that is certain.
    """

    def __init__(self, has_opener: bool, tool_names: Container[str]) -> None:
        self.is_over = False
        self.is_call = False
        """CallStart went out; nothing goes out before."""
        self._has_opener = has_opener
        self._tool_names = tool_names
        self._key: str | None = None  # of the value that is open or comes next
        self._stream: JsonStream | None = None  # of the key or value that is open
        self._json = ""  # of a key or name so far
        self._name = ""
        self._input: CallObjectInput | None = None
        self._is_ended = False

    def feed(self, text: str) -> tuple[list[Piece], str]:
        """Return (pieces that are certain, what was fed beyond the object)."""
        pieces: list[Piece] = []
        if self._is_inside_input and self._stream is not None:
            # PERF: so it is with most tokens of a call; bench/serve/bench_http_cpu.py
            out, text = self._stream.feed(text)
            if not self._stream.is_complete:
                return [CallInput(out)] if out else [], text
            self._take(out, is_last=True)
            pieces += self._certain()
        while text and not self.is_over:
            if self._stream is None:
                text = self._between(text)
            else:
                out, text = self._stream.feed(text)
                self._take(out, self._stream.is_complete)
            pieces += self._certain()
        return pieces, text

    @property
    def _is_inside_input(self) -> bool:
        """Whether what comes is more of a call's arguments, and goes out as it is."""
        return (
            self.is_call
            and self._key in INPUT_KEYS
            and self._input is not None
            and self._input.passes
        )

    def _between(self, text: str) -> str:
        """Take what stands between keys and values; begin what comes then."""
        before = _BEFORE_KEY if self._key is None else _BEFORE_VALUE
        text = before.sub("", text, count=1)
        if not text:
            return ""
        if self._key is None and text[0] in "}<`":
            self.is_over = True
            return text.removeprefix("}")
        if self._key == "function" and text[0] == "{":
            self._key = None
        else:
            self._stream = JsonStream()
        return text

    def _take(self, out: str, is_last: bool) -> None:
        """Take more of the JSON of the key or value that is open."""
        if self._key in INPUT_KEYS:
            if self._input is None:
                self._input = CallObjectInput()
            self._input.feed(out, is_last)
        elif self._key is None or self._key in NAME_KEYS:
            self._json += out
        if is_last:
            self._stream = None
            self._end_key_or_value()

    def _end_key_or_value(self) -> None:
        scalar, self._json = self._json, ""
        if self._key is not None:
            if self._key in NAME_KEYS and not self._name and scalar[0] == '"':
                self._name = json.loads(scalar)
            self._key = None
            return
        self._key = str(json.loads(scalar))
        if self._key not in KEYS and not self._has_opener and not self.is_call:
            self._name = ""
            self.is_over = True

    def _certain(self) -> list[Piece]:
        """Return what can go out now."""
        pieces: list[Piece] = []
        if self._is_ended or not self._is_certainly_a_call():
            return pieces
        if not self.is_call:
            self.is_call = True
            pieces.append(CallStart(self._name))
        out = self._input.taken() if self._input else ""
        if out:
            pieces.append(CallInput(out))
        if self.is_over or (self._input is not None and self._input.is_complete):
            self._is_ended = True
            pieces.append(CallEnd())
        return pieces

    def _is_certainly_a_call(self) -> bool:
        if not self._name:
            return False
        if self.is_call or self._has_opener:
            return True
        if self._input is not None and self._input.is_object:
            return True
        return self.is_over and self._name in self._tool_names


class CallObjectInput:
    """The arguments' JSON in, be they an object or a string; the object's JSON out.

    Of anything else nothing comes out, which means the empty object.
    """

    def __init__(self) -> None:
        self.is_complete = False
        self.is_object = False
        """It has begun as an object, in a string or not."""
        self._is_string: bool | None = None
        self._text = JsonStream()  # of the object that a string holds
        self._out: list[str] = []

    @property
    def passes(self) -> bool:
        """Whether more of the value's JSON would come out as it is."""
        return self.is_object and not self._is_string and not self.is_complete

    def feed(self, out: str, is_last: bool) -> None:
        """Take more of the value's JSON, as a JsonStream gives it."""
        if self.is_complete:
            return
        if self._is_string is None and out:
            self._is_string = out[0] == '"'
            self.is_object = out[0] == "{"
            out = out.removeprefix('"')
        if self._is_string:
            self._feed_string(out.removesuffix('"') if is_last else out)
            is_last = is_last or self._text.is_complete
        elif self.is_object:
            self._out.append(out)
        if is_last and self._is_string and self.is_object:
            self._out.append(self._text.closing())
        self.is_complete = is_last

    def taken(self) -> str:
        """Return what came out since it was last asked."""
        taken = "".join(self._out)
        self._out.clear()
        return taken

    def _feed_string(self, out: str) -> None:
        """Take more of a string's inside, whose escapes are whole."""
        text = json.loads(f'"{out}"')
        if not self.is_object:
            text = text.lstrip()
            if not text:
                return
            if text[0] != "{":
                self._text.closing()
                return
            self.is_object = True
        self._out.append(self._text.feed(text)[0])
