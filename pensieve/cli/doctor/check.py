"""What a check finds: one line, and what to do."""

from typing import Literal

import msgspec

Status = Literal["ok", "warn", "fail"]


class Check(msgspec.Struct, frozen=True):
    """A line of `pensieve doctor`."""

    name: str
    status: Status
    """fail: it cannot work so; warn: it works, but worse than it might."""
    found: str
    advice: str = ""
    """What to do about it."""


def ok(name: str, found: str) -> Check:
    """Return a line of what is well."""
    return Check(name, "ok", found)


def warn(name: str, found: str, advice: str) -> Check:
    """Return a line of what could be better."""
    return Check(name, "warn", found, advice)


def fail(name: str, found: str, advice: str) -> Check:
    """Return a line of what cannot work."""
    return Check(name, "fail", found, advice)
