"""A request body in, the typed request out, or an error as the API words it.

msgspec says ``Expected `int`, got `str` - at `$.max_tokens` ``; the API says
`max_tokens: Input should be a valid integer`. The translation keeps both: where,
expected, got.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import msgspec

from pensieve.errors import InvalidRequestError

Request = TypeVar("Request")
DecodeHook = Callable[[type, Any], Any]

_TYPE_NAMES = {
    "int": "integer",
    "float": "number",
    "str": "string",
    "bool": "boolean",
    "array": "array",
    "object": "object",
    "null": "null",
}
_LOCATED = re.compile(r"(?P<text>.*?)(?P<paths>(?: - at `\$[^`]*`)*)", re.DOTALL)
_PATH = re.compile(r" - at `\$([^`]*)`")
_MISSING = re.compile(r"Object missing required field `(?P<field>.*)`")
_WRONG_TYPE = re.compile(r"Expected `(?P<expected>.*)`, got `(?P<got>.*)`")
_OUT_OF_RANGE = re.compile(r"Expected `(?:int|float)` (?P<sign>[<>]=) (?P<limit>.*)")
_LENGTH = re.compile(r"Expected `array` of length (?P<sign>[<>]=) (?P<limit>\d+)")
_CHOICE = re.compile(r"Invalid enum value (?P<got>.*)")


def request_decoder(
    request_type: type[Request],
    decode_hook: DecodeHook,
    choices: Mapping[str, tuple[str, ...]],
) -> Callable[[bytes], Request]:
    """Return a function that decodes a body and validates it.

    Args:
        request_type: a msgspec struct.
        decode_hook: msgspec's `dec_hook`; it raises ValueError.
        choices: the end of a field's path → its allowed values, for the texts of
            errors.

    Raises (the function): InvalidRequestError.
    """
    decoder = msgspec.json.Decoder(request_type, dec_hook=decode_hook)

    def decode(body: bytes) -> Request:
        try:
            return decoder.decode(body)
        except msgspec.ValidationError as error:
            raise InvalidRequestError(_worded(str(error), choices)) from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            message = f"The request body is not valid JSON: {error}"
            raise InvalidRequestError(message) from error
        except RecursionError as error:
            message = "The request body is not valid JSON: nested too deeply"
            raise InvalidRequestError(message) from error

    return decode


@contextmanager
def nested_too_deeply() -> Iterator[None]:
    """Name what a request is refused for that Python cannot follow.

    Raises:
        InvalidRequestError: a value of it is inside too many others.
    """
    try:
        yield
    except RecursionError as error:
        raise InvalidRequestError(
            "messages, tools, output_config: expected JSON that is nested less deeply"
        ) from error


def _worded(error: str, choices: Mapping[str, tuple[str, ...]]) -> str:
    """Return msgspec's validation error in the words of the API."""
    located = _LOCATED.fullmatch(error)
    assert located is not None  # any text matches
    # A hook's error has its own path first, then the path of what the hook decoded.
    path = "".join(reversed(_PATH.findall(located["paths"])))
    path = re.sub(r"\[(\d+|\.\.\.)\]", r".\1", path).removeprefix(".")
    text = located["text"]

    if missing := _MISSING.fullmatch(text):
        where = f"{path}.{missing['field']}" if path else missing["field"]
        return f"{where}: Field required"
    return f"{path or 'request body'}: {_expectation(text, path, choices)}"


def _expectation(text: str, path: str, choices: Mapping[str, tuple[str, ...]]) -> str:
    if wrong := _WRONG_TYPE.fullmatch(text):
        expected = [name for name in wrong["expected"].split(" | ") if name != "null"]
        names = " or ".join(_TYPE_NAMES.get(name, name) for name in expected)
        got = _TYPE_NAMES.get(wrong["got"], wrong["got"])
        return f"Input should be a valid {names}, got {got}"
    if out := _OUT_OF_RANGE.fullmatch(text):
        than = "greater" if out["sign"] == ">=" else "less"
        return f"Input should be {than} than or equal to {float(out['limit']):g}"
    if length := _LENGTH.fullmatch(text):
        bound = "at least" if length["sign"] == ">=" else "at most"
        return f"Input should have {bound} {length['limit']} items"
    if choice := _CHOICE.fullmatch(text):
        values = _values(path, choices)
        return f"Input should be {values}, got {choice['got']}"
    return text


def _values(path: str, choices: Mapping[str, tuple[str, ...]]) -> str:
    """Return the values that the field at a path can have: `'a', 'b' or 'c'`."""
    allowed = next(
        values for end, values in choices.items() if f".{path}".endswith(f".{end}")
    )
    *others, last = [f"'{value}'" for value in allowed]
    return f"{', '.join(others)} or {last}" if others else last
