"""How far a pull is, as it is told to whoever shows it."""

from collections.abc import Callable

import msgspec


class Progress(msgspec.Struct, frozen=True):
    """A pull at one moment."""

    step: str
    """What is done now, for people: a file's name, or a short phrase."""
    done_bytes: int = 0
    """Of the whole pull, those that an earlier run left included."""
    total_bytes: int | None = None
    """None while it is not known."""
    resumed_bytes: int = 0
    """What an earlier run left."""


Report = Callable[[Progress], None]


def silent(progress: Progress) -> None:
    """Tell nobody."""


class Tally:
    """Counts the bytes of one pull and reports each change."""

    def __init__(self, total_bytes: int, report: Report) -> None:
        self.total_bytes = total_bytes
        self.done_bytes = 0
        self.resumed_bytes = 0
        self._report = report

    def resumed(self, step: str, num_bytes: int) -> None:
        """Count bytes that an earlier run left."""
        self.resumed_bytes += num_bytes
        self.received(step, num_bytes)

    def received(self, step: str, num_bytes: int) -> None:
        """Count bytes that have come; negative: they are thrown away again."""
        self.done_bytes += num_bytes
        self._report(
            Progress(step, self.done_bytes, self.total_bytes, self.resumed_bytes)
        )
