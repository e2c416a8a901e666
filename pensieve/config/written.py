"""Settings as people write them, with where each was: values, names, variables."""

import difflib
import typing
from collections.abc import Collection, Mapping

import msgspec
from msgspec import inspect as types

from pensieve.config.fields import FIELDS, is_list, kind_of
from pensieve.config.schema import SECRETS
from pensieve.errors import ConfigError

PREFIX = "PENSIEVE_"
"""Of all variables."""

NOT_SETTINGS = {"PENSIEVE_HOME"}
"""Variables with the prefix that are read elsewhere; so are all PENSIEVE_TEST_*."""

REFUSED = {
    "workers": "there is one HTTP worker: it needs no second one to keep up with a GPU,"
    " and two would each want the model"
}


class Found(msgspec.Struct, frozen=True):
    """A value as it was written, and where."""

    name: str
    """The setting's."""
    value: object
    source: str
    is_text: bool
    """Whether the value is text that may stand for a number."""
    written: str = ""
    """What the setting is called there, where `source` does not say it."""


def variable_name(name: str) -> str:
    """Return the setting's environment variable, `PENSIEVE_MAX_BATCH_SIZE`."""
    return PREFIX + name.upper()


def in_environment(environ: Mapping[str, str]) -> dict[str, Found]:
    """Return what variables set, by the settings' names.

    Raises:
        ConfigError: a variable with Pensieve's prefix sets something else.
    """
    names = {variable_name(name): name for name in FIELDS}
    found = {}
    for variable, value in environ.items():
        is_ours = variable.startswith(PREFIX) and variable not in NOT_SETTINGS
        if not is_ours or variable.startswith("PENSIEVE_TEST_") or not value:
            continue
        if variable not in names:
            raise refused_or_unknown("the name of a setting", variable, variable, names)
        name = names[variable]
        found[name] = Found(name, value, variable, is_text=True)
    return found


def converted(found: Found) -> object:
    """Return the value as what its setting takes.

    An array of texts in a file is a text with commas.

    Raises:
        ConfigError: it is none.
    """
    kind = kind_of(found.name)
    value = found.value
    if is_list(found.name) and isinstance(value, list):
        texts = [each for each in value if isinstance(each, str)]
        if len(texts) == len(value):
            value = ", ".join(texts)
    try:
        return msgspec.convert(value, kind, strict=not found.is_text)
    except msgspec.ValidationError as error:
        got = "something else" if found.name in SECRETS else repr(found.value)
        where = f"{found.source}: {found.written}" if found.written else found.source
        raise ConfigError(f"{where}: expected {in_words(kind)}, got {got}") from error


def expected(name: str) -> str:
    """Return what the setting takes: "a whole number from 1 to 65535"."""
    return in_words(kind_of(name))


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


def refused_or_unknown(
    what: str, source: str, written: str, known: Collection[str]
) -> ConfigError:
    """Return the error for a name that stands for nothing.

    Args:
        what: was expected.
        known: the names that do.
    """
    setting = written.removeprefix(PREFIX).lower()
    if setting in REFUSED:
        return ConfigError(f"{source}: {written} cannot be set: {REFUSED[setting]}")
    nearest = difflib.get_close_matches(written, known, n=1, cutoff=0.5)
    hint = (
        f"did you mean {nearest[0]}?" if nearest else "`pensieve config show` lists all"
    )
    return ConfigError(f"{source}: expected {what}, got {written}; {hint}")
