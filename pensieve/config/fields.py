"""What is known of each setting by its name: its type, its place, its words."""

import typing

import msgspec
from msgspec import Meta

from pensieve.config.schema import Place, Settings

FIELDS = {field.name: field for field in msgspec.structs.fields(Settings)}
_TYPES = typing.get_type_hints(Settings, include_extras=True)


def kind_of(name: str) -> object:
    """Return the setting's type, annotated with its range."""
    return _TYPES[name]


def description(name: str) -> str:
    """Return what the setting is, for people."""
    return str(_meta(name).description)


def place(name: str) -> Place:
    """Return where the setting stands in the file."""
    extra = _extra(name)
    return Place(extra["section"], extra["key"] or name)


def is_list(name: str) -> bool:
    """Whether the setting is text with commas, for which a file may have an array."""
    return bool(_extra(name)["is_list"])


def _meta(name: str) -> Meta:
    meta = typing.get_args(_TYPES[name])[1]
    assert isinstance(meta, Meta)
    return meta


def _extra(name: str) -> dict[str, typing.Any]:
    return _meta(name).extra or {}


PLACES = {place(name): name for name in FIELDS}
"""The settings' names by their places in the file."""
