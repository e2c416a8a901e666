"""Which requests are under way, and what became of the last ones; no text of any.

Told when a request begins, has its first token and ends, never for each token; what is
kept is bounded.
"""

from collections import deque
from typing import Literal, Protocol

import msgspec

Kind = Literal["live", "batch"]
"""Whether a client waits for it, or it waits for all others."""

Stage = Literal["prompt", "queue", "prefill", "decode"]
"""Its prompt is made; it waits for the engine; its prompt is read; tokens come."""

MAX_ENDED = 50
MAX_POINTS = 120


class BrokenPrefix(msgspec.Struct, frozen=True):
    """Where a prompt parts from the one before it in its conversation."""

    field: str
    """Which part of the request differs first: "tools", "system", "messages.3"."""
    at_token: int
    """The first token that differs, from 0."""
    earlier_tokens: int
    """Those of the earlier prompt with its answer, more than `at_token`."""


class RunningRequest(msgspec.Struct, frozen=True):
    """One that is under way, as far as things are known; None: not yet."""

    id: str
    model: str
    kind: Kind
    stage: Stage
    age_s: float
    prompt_tokens: int | None
    cached_tokens: int | None
    """Of the prompt's, those that came from the prefix cache."""
    unread_tokens: int | None
    """Of the prompt's, those that are yet to be computed."""
    output_tokens: int
    """Tokens that were generated so far."""
    first_token_s: float | None
    """From its arrival to its first token."""
    largest_gap_s: float | None
    """The longest time between two tokens of it."""
    tokens_per_s: float | None
    """Of the answer, behind its first token."""


class EndedRequest(msgspec.Struct, frozen=True):
    """One that has ended. None: it did not come so far."""

    id: str
    model: str
    kind: Kind
    status: int | None
    """HTTP's; 499: its client left; None: a batch's request has none."""
    outcome: str
    """Its stop reason, or an error's type, `client_left` or `canceled`."""
    began_at: float
    """Seconds since the epoch."""
    took_s: float
    memory_tokens: int | None
    """Of the prompt's, those from the prefix cache in memory."""
    disk_tokens: int | None
    """Those from the prefix cache on disk."""
    computed_tokens: int | None
    """Those that were computed."""
    output_tokens: int
    """Those that the client was charged for, or were generated where it broke off."""
    first_token_s: float | None
    largest_gap_s: float | None
    tokens_per_s: float | None
    broken_prefix: BrokenPrefix | None
    """None: it extends its conversation's earlier prompt, or there was none."""


class FirstToken(msgspec.Struct, frozen=True):
    """A request's first token."""

    at: float
    """Seconds since the epoch."""
    seconds: float
    """From the request's arrival."""
    computed_tokens: int
    """Prompt tokens that had to be computed before it."""


class Gaps(msgspec.Struct, frozen=True):
    """Times between the tokens of an answer that has ended."""

    at: float
    """When it ended: seconds since the epoch."""
    mean_s: float
    largest_s: float


class UnderWay(Protocol):
    """A request that can be asked how it is."""

    def running(self) -> RunningRequest:
        """Return how it is now."""


class History:
    """What runs and what has run. Of one event loop.

    The points are of requests that a client waited for; batches wait for others.
    """

    def __init__(self) -> None:
        self._under_way: dict[str, UnderWay] = {}
        self.ended: deque[EndedRequest] = deque(maxlen=MAX_ENDED)
        self.first_tokens: deque[FirstToken] = deque(maxlen=MAX_POINTS)
        self.gaps: deque[Gaps] = deque(maxlen=MAX_POINTS)
        """All three: the oldest first."""

    def begin(self, request_id: str, request: UnderWay) -> None:
        """Know a request, until it ends."""
        self._under_way[request_id] = request

    def end(self, ended: EndedRequest) -> None:
        """Note what became of a request."""
        self._under_way.pop(ended.id, None)
        self.ended.append(ended)

    def running(self) -> list[RunningRequest]:
        """Return the requests that are under way, the oldest first."""
        return [request.running() for request in self._under_way.values()]
