"""Settings as people write them: in a file or in variables, with where that was.

Knows the names and types of settings only from who asks.
"""

import difflib
import re
import tomllib
import typing
from collections.abc import Collection, Mapping
from pathlib import Path

import msgspec
from msgspec import inspect as types

from pensieve.errors import ConfigError

PREFIX = "PENSIEVE_"
"""Of all variables."""

NOT_SETTINGS = {"PENSIEVE_HOME"}
"""Variables with the prefix that are read elsewhere; so are all PENSIEVE_TEST_*."""

SECRETS = {"api_key", "more_api_keys"}
"""Settings whose values are shown to nobody."""

REFUSED = {
    "workers": "there is one HTTP worker: it needs no second one to keep up with a GPU,"
    " and two would each want the model"
}


class Found(msgspec.Struct, frozen=True):
    """A value as it was written, and where."""

    value: object
    source: str
    is_text: bool
    """Whether the value is text that may stand for a number."""


def in_file(path: Path, names: Collection[str], must_exist: bool) -> dict[str, Found]:
    """Return what a TOML file sets, by the settings' names.

    Args:
        names: of all settings.

    Raises:
        ConfigError: it is not TOML, or sets something else.
    """
    try:
        text = path.read_text(encoding="utf-8")
        table = tomllib.loads(text)
    except FileNotFoundError:
        if must_exist:
            raise ConfigError(f"{path}: expected a file, got none") from None
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"{path}: expected readable TOML, got: {reason}") from error
    found = {}
    for name, value in table.items():
        source = f"{path}:{_line_of(name, text)}"
        if name not in names:
            raise _unknown(name, source, name, names)
        found[name] = Found(value, source, is_text=False)
    return found


def in_environment(
    environ: Mapping[str, str], names: Mapping[str, str]
) -> dict[str, Found]:
    """Return what variables set, by the settings' names.

    Args:
        names: of all settings, by their variables.

    Raises:
        ConfigError: a variable with Pensieve's prefix sets something else.
    """
    found = {}
    for variable, value in environ.items():
        is_ours = variable.startswith(PREFIX) and variable not in NOT_SETTINGS
        if not is_ours or variable.startswith("PENSIEVE_TEST_") or not value:
            continue
        if variable not in names:
            setting = variable.removeprefix(PREFIX).lower()
            raise _unknown(setting, variable, variable, names)
        found[names[variable]] = Found(value, variable, is_text=True)
    return found


def converted(name: str, found: Found, kind: object) -> object:
    """Return the value as what the setting takes.

    Args:
        kind: the setting's type, annotated with its range.

    Raises:
        ConfigError: it is none.
    """
    try:
        return msgspec.convert(found.value, kind, strict=not found.is_text)
    except msgspec.ValidationError as error:
        got = "something else" if name in SECRETS else repr(found.value)
        where = found.source if found.is_text else f"{found.source}: {name}"
        raise ConfigError(f"{where}: expected {in_words(kind)}, got {got}") from error


def in_words(kind: object) -> str:
    """Return what a type takes: "a whole number from 1 to 65535"."""
    inner = types.type_info(kind)
    if isinstance(inner, types.Metadata):
        inner = inner.type
    if isinstance(inner, types.IntType) and inner.multiple_of == inner.le:
        return f"{inner.ge} or {inner.le}"
    if isinstance(inner, types.IntType):
        return f"a whole number from {inner.ge} to {inner.le}"
    if isinstance(inner, types.FloatType):
        low = f"above {inner.gt}" if inner.ge is None else f"from {inner.ge}"
        return f"a number {low} to {inner.le}"
    if isinstance(inner, types.BoolType):
        return "true or false"
    if isinstance(inner, types.LiteralType):
        # Not inner.values, which are sorted.
        literal = typing.get_args(kind)[0]
        return "one of " + ", ".join(typing.get_args(literal))
    return "text, not empty"


def _line_of(name: str, text: str) -> int:
    """Return the line that sets `name`; tomllib does not keep it."""
    opens = re.compile(rf"""\s*\[*\s*["']?{re.escape(name)}["']?\s*[=.\]]""")
    lines = text.splitlines()
    return next((n for n, line in enumerate(lines, 1) if opens.match(line)), 1)


def _unknown(
    setting: str, source: str, written: str, known: Collection[str]
) -> ConfigError:
    if setting in REFUSED:
        return ConfigError(f"{source}: {written} cannot be set: {REFUSED[setting]}")
    nearest = difflib.get_close_matches(written, known, n=1, cutoff=0.5)
    hint = (
        f"did you mean {nearest[0]}?" if nearest else "`pensieve config show` lists all"
    )
    return ConfigError(
        f"{source}: expected the name of a setting, got {written}; {hint}"
    )
