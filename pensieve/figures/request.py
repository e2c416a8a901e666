"""One request's counts and times: told as they come to be, written as one line of log.

Whoever has a part in the request calls the method that names what has just happened;
what is known then is added to the server's totals at once.
"""

import time
from collections.abc import Callable

from pensieve.figures.totals import Kind, Outcome, Totals

MIN_PREFILL = 32
"""Prompt tokens computed, below which the time they took says nothing of speed."""


class RequestFigures:
    """Of one request, from its arrival to its end. Of one event loop.

    Args:
        totals: what it adds to; None: nothing else wants to know.
        is_background: it waits for others, so that its times say little.
    """

    def __init__(
        self, totals: Totals | None = None, is_background: bool = False
    ) -> None:
        self._totals = Totals() if totals is None else totals
        self._is_background = is_background
        self._begun_at = time.monotonic()
        self._submitted_at = self._admitted_at = self._first_at = self._last_at = 0.0
        self._prompt_tokens: int | None = None
        self._cached_tokens: int | None = None
        self._disk_tokens = 0
        self._num_first = 0  # tokens that came together as the first
        self._num_sampled = 0
        self._num_output: int | None = None
        self._largest_gap_s = 0.0
        self._stop_reason = ""
        self._charge: Callable[[float], None] | None = None

    @property
    def took_s(self) -> float:
        """Seconds since its arrival."""
        return time.monotonic() - self._begun_at

    def charge(self, charge: Callable[[float], None]) -> None:
        """Have somebody told of tokens as they are computed, of prompt and answer."""
        self._charge = charge

    def counted(self, prompt_tokens: int) -> None:
        """Note the prompt's length, where nothing else comes of it."""
        self._prompt_tokens = prompt_tokens

    def submitted(self) -> None:
        """Note that the prompt is made and goes to the engine."""
        self._submitted_at = time.monotonic()

    def admitted(
        self, prompt_tokens: int, cached_tokens: int, disk_tokens: int = 0
    ) -> None:
        """Note that the engine begins with it.

        Args:
            cached_tokens: of the prompt, those in the prefix cache.
            disk_tokens: of these, those on disk.
        """
        self._admitted_at = time.monotonic()
        self._prompt_tokens = prompt_tokens
        self._cached_tokens, self._disk_tokens = cached_tokens, disk_tokens
        totals = self._totals
        totals.memory_tokens += cached_tokens - disk_tokens
        totals.disk_tokens += disk_tokens
        totals.computed_tokens += prompt_tokens - cached_tokens
        if self._charge is not None:
            self._charge(prompt_tokens - cached_tokens)
        if not self._is_background:
            totals.queue_s.add(self._admitted_at - self._submitted_at)

    def sampled(self, num_tokens: int) -> None:
        """Note that so many tokens have come, together; at least one."""
        now = time.monotonic()
        if not self._num_sampled:
            self._first(now, num_tokens)
        else:
            gap = now - self._last_at
            if gap > self._largest_gap_s:
                self._largest_gap_s = gap
            if not self._is_background:
                self._totals.gap_s.add(gap)
                if num_tokens > 1:
                    self._totals.gap_s.add_zeros(num_tokens - 1)
        self._last_at = now
        self._num_sampled += num_tokens
        self._totals.sampled_tokens += num_tokens
        if self._charge is not None:
            self._charge(num_tokens)

    def _first(self, now: float, num_tokens: int) -> None:
        self._first_at = now
        self._num_first = num_tokens
        self._totals.prefilled_tokens += self._computed_tokens
        if self._is_background:
            return
        self._totals.first_token_s.add(now - self._begun_at)
        if rate := self.prefill_rate:
            self._totals.prefill_rate.add(rate)

    def stopped(self, stop_reason: str, output_tokens: int) -> None:
        """Note that the answer is complete, and how many tokens the client pays for."""
        self._stop_reason = stop_reason
        self._num_output = output_tokens

    def ended(self, ending: str = "") -> None:
        """Note that nothing more will come.

        Args:
            ending: an error's type or `client_left`; empty: it ended well.
        """
        name = ending or self._stop_reason or "api_error"
        kind: Kind = "batch" if self._is_background else "live"
        self._totals.outcomes[Outcome(name, kind)] += 1
        if not self._is_background and (rate := self.decode_rate):
            self._totals.decode_rate.add(rate)

    @property
    def prefill_rate(self) -> float | None:
        """Tokens a second of the prompt; None: too few were computed, or not yet."""
        took_s = self._first_at - self._admitted_at
        if self._computed_tokens < MIN_PREFILL or not self._num_first or took_s <= 0:
            return None
        return self._computed_tokens / took_s

    @property
    def decode_rate(self) -> float | None:
        """Tokens a second of the answer, behind its first; None: there were none."""
        took_s = self._last_at - self._first_at
        return (self._num_sampled - self._num_first) / took_s if took_s > 0 else None

    @property
    def _computed_tokens(self) -> int:
        return (self._prompt_tokens or 0) - (self._cached_tokens or 0)

    def __str__(self) -> str:
        """Return `key=value` for each figure that is known."""
        parts: list[str] = []
        if self._prompt_tokens is not None:
            is_stopped = self._num_output is not None
            out = self._num_output if is_stopped else self._num_sampled
            parts.append(f"in={self._prompt_tokens} out={out}")
        if self._cached_tokens is not None:
            queue_s = self._admitted_at - self._submitted_at
            parts.append(f"cached={self._cached_tokens} disk={self._disk_tokens}")
            parts.append(f"queue_ms={1000 * queue_s:.0f}")
        if self._num_first:
            first_s = self._first_at - self._begun_at
            parts.append(f"first_token_ms={1000 * first_s:.0f}")
        if self._num_sampled > self._num_first:
            parts.append(f"max_gap_ms={1000 * self._largest_gap_s:.0f}")
        if rate := self.prefill_rate:
            parts.append(f"prefill_tps={rate:.0f}")
        if rate := self.decode_rate:
            parts.append(f"decode_tps={rate:.1f}")
        if self._stop_reason:
            parts.append(f"stop={self._stop_reason}")
        return " ".join(parts)
