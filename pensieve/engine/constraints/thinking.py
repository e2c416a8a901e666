"""Sampled tokens in, the next token out where a limit on thinking prescribes it."""

from collections import deque

from pensieve.engine.token_bits import Bits, has_bit
from pensieve.link.messages import ThinkingLimit


class ThinkingCloser:
    """Counts the tokens of one sequence's thinking, and closes it at the limit."""

    def __init__(self, limit: ThinkingLimit) -> None:
        self._limit = limit
        self._is_open = limit.is_open
        self._num_thought = 0
        self._closing: deque[int] = deque()  # what is left to write of it
        marks = (limit.open_token_ids, limit.close_token_ids)
        self._latest: deque[int] = deque(maxlen=max(map(len, marks)))
        self._look_at_limit()

    def advance(self, token_id: int) -> None:
        """Note a token of the sequence."""
        self._latest.append(token_id)
        if self._closing and token_id == self._closing[0]:
            self._closing.popleft()
            is_closed = self._ends_with(self._limit.close_token_ids)
            self._is_open &= bool(self._closing) and not is_closed
        elif self._is_open:
            self._num_thought += 1
            if self._ends_with(self._limit.close_token_ids):
                self._num_thought -= len(self._limit.close_token_ids)
                self._is_open = False
                self._closing.clear()
        elif not self._closing:
            self._is_open = self._ends_with(self._limit.open_token_ids)
        self._look_at_limit()

    def forced(self, allowed: Bits | None) -> int | None:
        """Return the token that has to come next, None where the model is free.

        A token of the closing that the grammar refuses is left out. If it refuses all
        of them, inside a character say, they wait while thinking is open.

        Args:
            allowed: by the grammar, of vocab_size tokens; None: all.
        """
        for i, token_id in enumerate(self._closing):
            if allowed is None or has_bit(allowed, token_id):
                for _ in range(i):
                    self._closing.popleft()
                return token_id
        if not self._is_open:
            self._closing.clear()
        return None

    def _look_at_limit(self) -> None:
        is_spent = self._num_thought >= self._limit.max_tokens
        if self._is_open and is_spent and not self._closing:
            self._closing.extend(self._rest_of_close() or self._limit.closing_token_ids)

    def _rest_of_close(self) -> list[int]:
        """Return what completes a close that the model has begun; empty: none is."""
        close = self._limit.close_token_ids
        begun = [size for size in range(1, len(close)) if self._ends_with(close[:size])]
        return close[max(begun) :] if begun else []

    def _ends_with(self, token_ids: list[int]) -> bool:
        return bool(token_ids) and list(self._latest)[-len(token_ids) :] == token_ids
