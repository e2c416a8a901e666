"""What one key may use in a minute: requests and tokens, in buckets that refill.

A request's tokens are known when they have been used. So a bucket may go below nothing,
and the next request waits until it is above it again. The headers are Anthropic's:
https://platform.claude.com/docs/en/api/rate-limits
"""

import math
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from pensieve.api.exchange import Exchange
from pensieve.errors import RateLimitError


class Bucket:
    """So much a minute, used at any time.

    Args:
        per_minute: >= 1; also the most that can be saved up.
        clock: seconds.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float]) -> None:
        self.per_minute = per_minute
        self._clock = clock
        self._level = float(per_minute)
        self._at = clock()

    def take(self, amount: float) -> None:
        """Use some, whether or not it is there."""
        self._refill()
        self._level -= amount

    @property
    def remaining(self) -> int:
        """What may be used now, at least 0."""
        self._refill()
        return max(0, math.floor(self._level))

    @property
    def is_empty(self) -> bool:
        """Whether nothing may be used now."""
        return self.remaining < 1

    @property
    def wait_s(self) -> float:
        """Seconds until something may be used."""
        return max(0.0, (1 - self._level) * 60 / self.per_minute)

    @property
    def full_in_s(self) -> float:
        """Seconds until all may be used."""
        self._refill()
        return (self.per_minute - self._level) * 60 / self.per_minute

    def _refill(self) -> None:
        now = self._clock()
        gained = (now - self._at) * self.per_minute / 60
        self._level = min(float(self.per_minute), self._level + gained)
        self._at = now


class _Buckets(NamedTuple):
    """Of one key, by what its headers call them; those that are limited."""

    requests: Bucket | None
    tokens: Bucket | None


class RateLimits:
    """The limits of all keys. Of one event loop; forgotten when the server ends.

    Args:
        requests_per_minute: of each key; 0: no limit.
        tokens_per_minute: likewise.
        clock: seconds.
    """

    def __init__(
        self,
        requests_per_minute: int = 0,
        tokens_per_minute: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._requests_per_minute = requests_per_minute
        self._tokens_per_minute = tokens_per_minute
        self._clock = clock
        self._of_key: dict[str, _Buckets] = {}

    def admit(self, name: str, exchange: Exchange) -> None:
        """Count a request of a key, and its tokens as they come; tell its client.

        Raises:
            RateLimitError: the key has had all that it may.
        """
        buckets = self._buckets(name)
        for what, bucket in zip(_Buckets._fields, buckets, strict=True):
            if bucket is not None and bucket.is_empty:
                exchange.answer_headers += _headers(buckets)
                raise RateLimitError(
                    f"{what} a minute: expected at most {bucket.per_minute} with one"
                    f" key ({name}), got more",
                    retry_after_s=math.ceil(bucket.wait_s),
                )
        if buckets.requests is not None:
            buckets.requests.take(1)
        if buckets.tokens is not None:
            exchange.figures.charge(buckets.tokens.take)
        exchange.answer_headers += _headers(buckets)

    def _buckets(self, name: str) -> _Buckets:
        if name not in self._of_key:
            self._of_key[name] = _Buckets(
                self._bucket(self._requests_per_minute),
                self._bucket(self._tokens_per_minute),
            )
        return self._of_key[name]

    def _bucket(self, per_minute: int) -> Bucket | None:
        return Bucket(per_minute, self._clock) if per_minute else None


def _headers(buckets: _Buckets) -> list[tuple[bytes, bytes]]:
    headers = []
    now = datetime.now(UTC)
    for what, bucket in zip(_Buckets._fields, buckets, strict=True):
        if bucket is None:
            continue
        reset = now + timedelta(seconds=math.ceil(bucket.full_in_s))
        for field, value in (
            ("limit", str(bucket.per_minute)),
            ("remaining", str(bucket.remaining)),
            ("reset", reset.strftime("%Y-%m-%dT%H:%M:%SZ")),
        ):
            name = f"anthropic-ratelimit-{what}-{field}"
            headers.append((name.encode(), value.encode()))
    return headers
