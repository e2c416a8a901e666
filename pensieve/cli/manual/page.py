"""What a verb's page has beside its first sentences and its options."""

from typing import NamedTuple


class Example(NamedTuple):
    """A command line, and what it is for."""

    purpose: str
    command: str


class Page(NamedTuple):
    """The rest of a verb's page."""

    about: str
    """When to use it, and what is good to know. Paragraphs by blank lines."""
    examples: tuple[Example, ...]
    see_also: tuple[str, ...]
    """Verbs, as they are typed behind `pensieve`."""
    exits: tuple[tuple[int, str], ...] = ()
    """Where they differ from `EXITS`."""


EXITS = {
    0: "done",
    1: "failed; one sentence on stderr says why",
    2: "the command line is not understood",
    130: "interrupted by Ctrl-C",
}
"""Exit statuses that all verbs have."""
