"""`cache_control`: a client's word that much will come again up to and with a block."""

from typing import Literal

import msgspec

CacheControlType = Literal["ephemeral"]
TimeToLive = Literal["5m", "1h"]

MAX_BREAKPOINTS = 4


class CacheControl(msgspec.Struct, frozen=True):
    """A breakpoint. A hint: all prompts are kept, with it or without."""

    type: CacheControlType
    ttl: TimeToLive | None = None
    """Not looked at: what is kept stays until there is no room for it."""


class Markable(msgspec.Struct, frozen=True, kw_only=True):
    """What may have a breakpoint at its end."""

    cache_control: CacheControl | None = None
