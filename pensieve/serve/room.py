"""Which connections stay when there are too many: those on which something is answered.

A connection that comes when all places are taken gets the place of the one that has
made the server wait the longest: for its first head, for a next request, for its body.
Only where every place is used for an answer is the new one turned away.
"""

from enum import Enum
from typing import Protocol as Interface

LEAVING = 4
"""Connections that are told why they have to leave, for each place."""


class Stage(Enum):
    """What a connection is at, in the order in which places are taken from them."""

    HEAD = "its request's head is awaited"
    IDLE = "it was answered, and is kept for a next request"
    BODY = "its request's body is awaited"
    ANSWER = "its request is being answered"


class Guest(Interface):
    """A connection, as far as its place is concerned."""

    def make_way(self, stage: Stage) -> None:
        """Leave, as soon as that can be told to the client."""

    def abort(self) -> None:
        """Leave now."""


class Room:
    """The places of one worker.

    Args:
        size: how many there are; LEAVING times as many connections may be leaving.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._stages: dict[Guest, Stage] = {}
        # Dicts as sets that keep an order: the one that came first is first.
        self._at: dict[Stage, dict[Guest, None]] = {stage: {} for stage in Stage}
        self._leaving: dict[Guest, None] = {}

    def __len__(self) -> int:
        return len(self._stages)

    def guests(self) -> list[Guest]:
        """Return the connections that have a place."""
        return list(self._stages)

    def enter(self, guest: Guest) -> bool:
        """Give a new connection a place, if need be another's; False: there is none."""
        if len(self._stages) >= self.size and not self._make_room():
            return False
        self._stages[guest] = Stage.HEAD
        self._at[Stage.HEAD][guest] = None
        return True

    def moved(self, guest: Guest, stage: Stage) -> None:
        """Note what a connection is at now; one without a place is not looked at."""
        before = self._stages.get(guest)
        if before is None or before is stage:
            return
        del self._at[before][guest]
        self._stages[guest] = stage
        self._at[stage][guest] = None

    def leaving(self, guest: Guest) -> None:
        """Take a connection's place, while it is told why; the first of many ends."""
        self.left(guest)
        self._leaving[guest] = None
        if len(self._leaving) > LEAVING * self.size:
            first = next(iter(self._leaving))
            del self._leaving[first]
            first.abort()

    def left(self, guest: Guest) -> None:
        """Forget a connection."""
        stage = self._stages.pop(guest, None)
        if stage is not None:
            del self._at[stage][guest]
        self._leaving.pop(guest, None)

    def clear(self) -> None:
        """End all connections."""
        for guest in [*self._stages, *self._leaving]:
            guest.abort()

    def _make_room(self) -> bool:
        for stage in (Stage.HEAD, Stage.IDLE, Stage.BODY):
            for guest in self._at[stage]:
                self.leaving(guest)
                guest.make_way(stage)
                return True
        return False
