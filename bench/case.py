"""What is measured: a subject, its baselines, and what they work on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

Work = Callable[[], object]
"""What is timed; called again and again, always to the same effect."""


class MissingError(Exception):
    """Something that a case needs is not here; the message says what, in few words."""


class Contest(NamedTuple):
    """A case that is set up."""

    subject: Work
    baselines: Mapping[str, Work]
    """By name, none or more; the first is the one that ratios are of."""
    num_bytes: int = 0
    """That one call goes through, for a rate; 0: none is told."""
    others: Mapping[str, str] = {}
    """Baselines that are not here, and why."""


@dataclass(frozen=True)
class Case:
    """One declaration.

    Attributes:
        name: `module.what`, as people name it on the command line.
        make: sets it up, in a folder for files that several processes share; raises
            MissingError.
        subject: what the subject is called.
    """

    name: str
    make: Callable[[Path], Contest]
    subject: str = "pensieve"


def chosen(cases: list[Case], names: tuple[str, ...]) -> list[Case]:
    """Return the cases that are named, wholly or by how they begin; all without names.

    Raises:
        ValueError: nothing is named so.
    """
    for name in names:
        if not any(case.name.startswith(name) for case in cases):
            there = ", ".join(case.name for case in cases)
            raise ValueError(f"names: expected some of {there}; got {name!r}")
    return [case for case in cases if not names or case.name.startswith(names)]
