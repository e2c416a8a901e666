"""What all requests since the start of the server add up to."""

from collections import Counter
from typing import NamedTuple

import msgspec

from pensieve.figures.buckets import Buckets
from pensieve.figures.history import History, Kind

ANSWERED = frozenset(
    {
        "end_turn",
        "max_tokens",
        "stop_sequence",
        "tool_use",
        "model_context_window_exceeded",
    }
)
"""Outcomes of requests that were answered: stop reasons."""
CLIENT_LEFT = "client_left"
"""The outcome of a request whose client did not wait."""


class Outcome(NamedTuple):
    """How a request ended: by a stop reason, an error's type, or `client_left`."""

    name: str
    kind: Kind


class Summary(msgspec.Struct, frozen=True):
    """The totals in a few numbers, as /health shows them."""

    answered: int
    client_left: int
    failed: int
    memory_tokens: int
    """Of all prompts' tokens, those found in the prefix cache in memory."""
    disk_tokens: int
    """Those found in it on disk."""
    computed_tokens: int
    """Those found nowhere."""
    sampled_tokens: int
    first_token_s: float | None
    """Mean time to the first token; None: there was none yet."""


class Totals:
    """Counters and histograms. Of one event loop.

    The histograms leave batches out: these wait for as long as others have work.
    """

    def __init__(self) -> None:
        self.history = History()
        self.outcomes: Counter[Outcome] = Counter()
        self.memory_tokens = 0
        self.disk_tokens = 0
        self.computed_tokens = 0
        """Prompt tokens by where they came from, counted as prompts are admitted."""
        self.prefilled_tokens = 0
        """Prompt tokens computed, counted as prompts are complete."""
        self.sampled_tokens = 0
        self.queue_s = Buckets([0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300])
        self.first_token_s = Buckets(
            [0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300]
        )
        self.gap_s = Buckets(
            [0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 10]
        )
        self.prefill_rate = Buckets([25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000])
        """Tokens a second of a prompt, its own time and that of others beside it."""
        self.decode_rate = Buckets([1, 2, 5, 10, 20, 30, 50, 80, 120, 200, 400])
        """Tokens a second of an answer."""

    def summary(self) -> Summary:
        """Return the totals in a few numbers."""
        answered = left = failed = 0
        for outcome, count in self.outcomes.items():
            if outcome.name in ANSWERED:
                answered += count
            elif outcome.name == CLIENT_LEFT:
                left += count
            else:
                failed += count
        timed = self.first_token_s.count
        return Summary(
            answered=answered,
            client_left=left,
            failed=failed,
            memory_tokens=self.memory_tokens,
            disk_tokens=self.disk_tokens,
            computed_tokens=self.computed_tokens,
            sampled_tokens=self.sampled_tokens,
            first_token_s=round(self.first_token_s.total / timed, 3) if timed else None,
        )
