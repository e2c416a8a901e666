"""One request's counts and times: told as they come to be, written as one line of log.

Whoever has a part in the request calls the method that names what has just happened;
what is known then is added to the server's totals at once.
"""

import time
from collections.abc import Callable

from pensieve.figures.history import (
    BrokenPrefix,
    EndedRequest,
    FirstToken,
    Gaps,
    Kind,
    RunningRequest,
    Stage,
)
from pensieve.figures.totals import Outcome, Totals

MIN_PREFILL = 32
"""Prompt tokens computed, below which the time they took says nothing of speed."""


class RequestFigures:
    """Of one request, from its arrival to its end. Of one event loop.

    Args:
        totals: what it adds to; None: nothing else wants to know.
        is_background: it waits for others, so that its times say little.
        request_id: by which the history knows it.
    """

    def __init__(
        self,
        totals: Totals | None = None,
        is_background: bool = False,
        request_id: str = "",
    ) -> None:
        self._totals = Totals() if totals is None else totals
        self._is_background = is_background
        self._request_id = request_id
        self._model = ""
        self._epoch_s = time.time()
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
        self._broken: BrokenPrefix | None = None
        self._unread_tokens: Callable[[], int] | None = None
        self._charge: Callable[[float], None] | None = None

    @property
    def took_s(self) -> float:
        """Seconds since its arrival."""
        return time.monotonic() - self._begun_at

    def charge(self, charge: Callable[[float], None]) -> None:
        """Have somebody told of tokens as they are computed, of prompt and answer."""
        self._charge = charge

    def asked(self, model: str) -> None:
        """Note which model it is for. From now to `ended` the history shows it."""
        self._model = model
        self._totals.history.begin(self._request_id, self)

    def counted(self, prompt_tokens: int, broken: BrokenPrefix | None = None) -> None:
        """Note the prompt's length, and where it parts from the one before it."""
        self._prompt_tokens = prompt_tokens
        self._broken = broken

    def submitted(self) -> None:
        """Note that the prompt is made and goes to the engine."""
        self._submitted_at = time.monotonic()

    def follow(self, unread_tokens: Callable[[], int]) -> None:
        """Have somebody say how many prompt tokens are yet to be computed."""
        self._unread_tokens = unread_tokens

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
        computed = self._computed_tokens
        self._totals.prefilled_tokens += computed
        if self._is_background:
            return
        seconds = now - self._begun_at
        self._totals.first_token_s.add(seconds)
        point = FirstToken(_rounded(time.time()), _rounded(seconds), computed)
        self._totals.history.first_tokens.append(point)
        if rate := self.prefill_rate:
            self._totals.prefill_rate.add(rate)

    def stopped(self, stop_reason: str, output_tokens: int) -> None:
        """Note that the answer is complete, and how many tokens the client pays for."""
        self._stop_reason = stop_reason
        self._num_output = output_tokens

    def ended(self, ending: str = "", status: int | None = None) -> None:
        """Note that nothing more will come.

        Args:
            ending: an error's type or `client_left`; empty: it ended well.
            status: HTTP's; None: there was none.
        """
        name = ending or self._stop_reason or "api_error"
        history = self._totals.history
        self._totals.outcomes[Outcome(name, self._kind)] += 1
        if not self._is_background and (rate := self.decode_rate):
            self._totals.decode_rate.add(rate)
            largest_s = _rounded(self._largest_gap_s)
            history.gaps.append(Gaps(_rounded(time.time()), 1 / rate, largest_s))
        if self._model:
            history.end(self._as_ended(name, status))

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

    def running(self) -> RunningRequest:
        """Return how it is now, for the history."""
        return RunningRequest(
            id=self._request_id,
            model=self._model,
            kind=self._kind,
            stage=self._stage,
            age_s=_rounded(self.took_s),
            prompt_tokens=self._prompt_tokens,
            cached_tokens=self._cached_tokens,
            unread_tokens=self._num_unread,
            output_tokens=self._num_sampled,
            first_token_s=self._first_token_s,
            largest_gap_s=self._gap_s,
            tokens_per_s=self._tokens_per_s,
        )

    def _as_ended(self, outcome: str, status: int | None) -> EndedRequest:
        cached, disk = self._cached_tokens, self._disk_tokens
        return EndedRequest(
            id=self._request_id,
            model=self._model,
            kind=self._kind,
            status=status,
            outcome=outcome,
            began_at=_rounded(self._epoch_s),
            took_s=_rounded(self.took_s),
            memory_tokens=None if cached is None else cached - disk,
            disk_tokens=None if cached is None else disk,
            computed_tokens=None if cached is None else self._computed_tokens,
            output_tokens=self._output_tokens,
            first_token_s=self._first_token_s,
            largest_gap_s=self._gap_s,
            tokens_per_s=self._tokens_per_s,
            broken_prefix=self._broken,
        )

    @property
    def _kind(self) -> Kind:
        return "batch" if self._is_background else "live"

    @property
    def _stage(self) -> Stage:
        if self._num_first:
            return "decode"
        if self._admitted_at:
            return "prefill"
        return "queue" if self._submitted_at else "prompt"

    @property
    def _num_unread(self) -> int | None:
        """Those of the cache are not computed, though they are not read yet either."""
        if self._unread_tokens is None:
            return None
        return min(self._unread_tokens(), self._computed_tokens)

    @property
    def _first_token_s(self) -> float | None:
        return _rounded(self._first_at - self._begun_at) if self._num_first else None

    @property
    def _gap_s(self) -> float | None:
        has_gap = self._num_sampled > self._num_first
        return _rounded(self._largest_gap_s) if has_gap else None

    @property
    def _tokens_per_s(self) -> float | None:
        rate = self.decode_rate
        return None if rate is None else round(rate, 2)

    @property
    def _output_tokens(self) -> int:
        """Those that the client pays for; before that is known, those that came."""
        return self._num_sampled if self._num_output is None else self._num_output

    @property
    def _computed_tokens(self) -> int:
        return (self._prompt_tokens or 0) - (self._cached_tokens or 0)

    def __str__(self) -> str:
        """Return `key=value` for each figure that is known."""
        parts: list[str] = []
        if self._prompt_tokens is not None:
            parts.append(f"in={self._prompt_tokens} out={self._output_tokens}")
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


def _rounded(seconds: float) -> float:
    """Return seconds to the millisecond."""
    return round(seconds, 3)
