"""The shape of /v1/pensieve/figures: its JSON, for whoever writes or reads it.

Numbers and names only: no text of a prompt or an answer. Fields may be added; none
changes its meaning.
"""

from typing import Literal

import msgspec

from pensieve.figures.history import EndedRequest, FirstToken, Gaps, RunningRequest
from pensieve.figures.totals import Summary
from pensieve.link.memory import MemoryHealth
from pensieve.link.supervisor import Status

PATH = "/v1/pensieve/figures"


class Server(msgspec.Struct, frozen=True):
    """The process that answers."""

    version: str
    uptime_s: float


class CacheTier(msgspec.Struct, frozen=True):
    """How full one tier of the prefix cache is."""

    tier: Literal["memory", "disk"]
    bytes: int
    """On disk, of all models' files."""
    budget_bytes: int
    """What it may have; 0: it is off."""
    entries: int
    """In memory, runs of up to a few hundred tokens; on disk, this model's files."""


class ServedModel(msgspec.Struct, frozen=True):
    """A model and its engine."""

    name: str
    context_length: int
    """In tokens, prompt and answer together."""
    status: Status
    message: str
    """Of a ready engine, how the model was loaded; of a failed one, why."""
    restarts: int
    engine_memory_bytes: int
    """Resident; 0: there is no engine now."""
    running: int
    """Sequences that the engine works on."""
    waiting: int
    """Sequences that it has not begun."""
    cache: list[CacheTier]
    """Empty: the engine has not told yet."""


class Report(msgspec.Struct, frozen=True):
    """The whole of it."""

    at: float
    """When it was made: seconds since the epoch, by the server's clock."""
    server: Server
    models: list[ServedModel]
    """The main one first."""
    memory: MemoryHealth
    totals: Summary
    """Since the start."""
    running: list[RunningRequest]
    """Requests that are under way, the oldest first."""
    ended: list[EndedRequest]
    """The last ones, the newest first."""
    first_tokens: list[FirstToken]
    """The last ones, the oldest first."""
    gaps: list[Gaps]
    """Of the last answers, the oldest first."""
