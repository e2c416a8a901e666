"""The settings file: TOML in sections, or JSON of that layout, with its lines."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

from pensieve.config.fields import PLACES
from pensieve.config.schema import SECTIONS, Place
from pensieve.config.written import Found, refused_or_unknown
from pensieve.errors import ConfigError

_OTHER_NAMES = {
    Place("model", "path"): Place("model", "name"),
    Place("logging", "log_level"): Place("logging", "level"),
}
"""What else JSON files of before call a setting."""


def in_file(path: Path, must_exist: bool) -> dict[str, Found]:
    """Return what a file sets, by the settings' names.

    Args:
        path: TOML, or JSON where its name ends in ".json".

    Raises:
        ConfigError: it cannot be read, or sets something else.
    """
    text = _text(path, must_exist)
    is_json = path.suffix == ".json"
    tables = _parsed(path, text, is_json)
    found = {}
    for section, table in tables.items():
        where = f"{path}:{line_of(text, section)}"
        if section not in SECTIONS:
            raise _not_a_section(section, where)
        if not isinstance(table, dict):
            raise ConfigError(f"{where}: {section}: expected a section, got {table!r}")
        for key, value in table.items():
            place = Place(section, key)
            if is_json:
                place = _OTHER_NAMES.get(place, place)
            source = f"{path}:{line_of(text, section, key)}"
            if place not in PLACES:
                raise _not_in_section(place, source)
            if is_json and value is None:
                continue  # JSON's way to leave a setting out
            name = PLACES[place]
            found[name] = Found(name, value, source, is_text=False, written=str(place))
    return found


def line_of(text: str, section: str, key: str | None = None) -> int:
    """Return the line of a section, or of a key in it, from 1 on.

    The parsers do not keep it. A file may spell a place in ways that are not looked
    for (`server = {port = 1}`); then it is the section's line, or the first.
    """
    lines = text.splitlines()
    opens = re.compile(
        rf"""\s*(\[\s*)?["']?{re.escape(section)}["']?\s*(\]|[=:.])|"""
        rf"""\s*\{{\s*"{re.escape(section)}"\s*:"""
    )
    at = next((n for n, line in enumerate(lines) if opens.match(line)), 0)
    if key is None:
        return at + 1
    sets = re.compile(rf"""(^|[\s{{,."'])["']?{re.escape(key)}["']?\s*[=:]""")
    is_set = (n for n in range(at, len(lines)) if sets.search(lines[n]))
    return next(is_set, at) + 1


def _text(path: Path, must_exist: bool) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        if must_exist:
            raise ConfigError(f"{path}: expected a file, got none") from None
        return ""
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"{path}: expected readable text, got: {reason}") from error


def _parsed(path: Path, text: str, is_json: bool) -> dict[str, Any]:
    if not is_json:
        try:
            return tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"{path}: expected TOML, got: {error}") from error
    try:
        tables = json.loads(text, object_pairs_hook=_without_twins)
    except json.JSONDecodeError as error:
        what = f"{error.msg} (at line {error.lineno}, column {error.colno})"
        raise ConfigError(f"{path}: expected JSON, got: {what}") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: expected JSON, got: {error}") from error
    if not isinstance(tables, dict):
        raise ConfigError(
            f"{path}:1: expected an object of sections, got {type(tables).__name__}"
        )
    return tables


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a key that is there twice, as TOML does."""
    table = dict(pairs)
    if len(table) < len(pairs):
        keys = [key for key, _ in pairs]
        twin = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"{twin} twice in one object")
    return table


def _not_a_section(section: str, where: str) -> ConfigError:
    belongs = {name: place for place, name in PLACES.items()}
    if section in belongs:
        place = belongs[section]
        return ConfigError(
            f"{where}: expected a section, got {section}; it belongs into"
            f" [{place.section}], as {place.key}"
        )
    return refused_or_unknown("a section", where, section, list(SECTIONS))


def _not_in_section(place: Place, source: str) -> ConfigError:
    elsewhere = [
        each
        for each, name in PLACES.items()
        if place.key in (each.key, name) and each != place
    ]
    if elsewhere:
        there = elsewhere[0]
        return ConfigError(
            f"{source}: expected a setting of [{place.section}], got {place.key}; it"
            f" belongs into [{there.section}], as {there.key}"
        )
    keys = [each.key for each in PLACES if each.section == place.section]
    return refused_or_unknown(
        f"a setting of [{place.section}]", source, place.key, keys
    )
