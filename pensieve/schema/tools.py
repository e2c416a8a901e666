"""Tools as clients define them in a request's `tools`.

A tool without a `type`, or of type "custom", brings its name and the JSON schema of its
input. Any other type is one of Anthropic's own, whose version is in its name.
"""

from typing import Any

import msgspec

from pensieve.schema.cache_control import Markable


class ToolParam(Markable, frozen=True):
    """One entry of `tools`, with the fields of every kind of tool."""

    name: str | None = None
    type: str | None = None
    """None or "custom", or the name and version of one of Anthropic's tools."""
    description: str | None = None
    input_schema: dict[str, Any] | None = None
    strict: bool | None = None
    """The input obeys the schema, by constrained decoding."""
    defer_loading: bool | None = None
    """Unknown to the model until a `tool_reference` names it."""
    max_characters: int | None = None
    """Of a text editor: how much of a file it shows."""
    display_width_px: int | None = None
    display_height_px: int | None = None
    display_number: int | None = None
    """Of a computer: its screen."""
    enable_zoom: bool | None = None
    """Of a computer: whether a part of the screen can be looked at more closely."""

    @property
    def is_custom(self) -> bool:
        """Whether it brings its own name and schema."""
        return self.type is None or self.type == "custom"


class Tool(msgspec.Struct, frozen=True):
    """A tool as the model is told of it, whoever defined it."""

    name: str
    description: str
    """May be empty."""
    input_schema: dict[str, Any]
    """Of an object."""
    is_strict: bool = False
    """Its input has to obey the schema even where no call is forced."""
    is_deferred: bool = False
    """Told of only where the conversation refers to it."""
    is_server_tool: bool = False
    """The call is the server's to make, not the client's."""
