"""A prompt in, what is known of its beginning out: the token ids of earlier prompts.

A conversation comes back whole with every turn. What an earlier prompt began with too
is not even looked at again, but for being compared.
"""

import threading
from array import array
from bisect import bisect_right
from typing import NamedTuple


class Encoded(NamedTuple):
    """A prompt; or the beginning of one, up to the last of `ends`."""

    token_ids: "array[int]"
    """Not to be changed."""
    ends: "array[int]"
    """Where control tokens end in the text, ascending: nothing before such a place has
    to do with what comes after it."""
    counts: "array[int]"
    """How many tokens there are up to each of the `ends`."""

    @property
    def num_chars(self) -> int:
        """Where the last control token ends."""
        return self.ends[-1] if self.ends else 0


NOTHING = Encoded(array("I"), array("Q"), array("Q"))


class _Prompt(NamedTuple):
    text: str
    is_start: bool
    encoded: Encoded


class PromptMemory:
    """Remembers prompts, the least recently used out first. Any thread may use it.

    Args:
        margin: a control token that ends so many characters before two texts begin to
            differ is one in both.
        max_chars: of all prompts together.
    """

    def __init__(self, margin: int, max_chars: int) -> None:
        self._margin = margin
        self._max_chars = max_chars
        self._num_chars = 0
        self._prompts: list[_Prompt] = []  # the last one used is the last
        self._lock = threading.Lock()

    def beginning(self, text: str, is_start: bool) -> Encoded:
        """Return the longest beginning of `text` that is known."""
        with self._lock:
            best: _Prompt | None = None
            num_shared = 0
            for prompt in reversed(self._prompts):
                if prompt.is_start is not is_start:
                    continue
                more = num_shared_chars(prompt.text, text, num_shared)
                if best is None or more > num_shared:
                    best, num_shared = prompt, more
            if best is None:
                return NOTHING
            self._prompts.remove(best)
            self._prompts.append(best)
        is_equal = num_shared == len(text) == len(best.text)
        return _up_to(best.encoded, num_shared - (0 if is_equal else self._margin))

    def keep(self, text: str, is_start: bool, encoded: Encoded) -> None:
        """Remember a whole prompt, instead of those that it begins with."""
        if len(text) > self._max_chars:
            return
        with self._lock:
            for prompt in self._prompts[:]:
                if prompt.is_start is is_start and self._is_in(prompt, text):
                    self._forget(prompt)
            self._prompts.append(_Prompt(text, is_start, encoded))
            self._num_chars += len(text)
            while self._num_chars > self._max_chars:
                self._forget(self._prompts[0])

    def _is_in(self, prompt: _Prompt, text: str) -> bool:
        """Say whether all that a prompt tells is told by another's text."""
        end = min(len(prompt.text), prompt.encoded.num_chars + self._margin)
        return text.startswith(prompt.text[:end])

    def _forget(self, prompt: _Prompt) -> None:
        self._prompts.remove(prompt)
        self._num_chars -= len(prompt.text)


def num_shared_chars(first: str, second: str, at_least: int = 0) -> int:
    """Return how many characters both begin with; 0 if that is less than `at_least`.

    PERF: by slices, each twice at most, as no loop in Python could.
    """
    shortest = min(len(first), len(second))
    # The likeliest difference first: other prompts share less than the best one.
    near = slice(max(0, at_least - 64), at_least)
    if at_least > shortest or first[near] != second[near]:
        return 0
    if first.startswith(second[:shortest]):
        return shortest
    low, high = 0, shortest  # the first `low` are equal, the first `high` are not
    while high - low > 1:
        middle = (low + high) // 2
        if first.startswith(second[low:middle], low):
            low = middle
        else:
            high = middle
    return low if low >= at_least else 0


def _up_to(encoded: Encoded, num_chars: int) -> Encoded:
    """Return the beginning of a prompt whose last control token ends by then."""
    size = bisect_right(encoded.ends, num_chars)
    if size == 0:
        return NOTHING
    return Encoded(
        encoded.token_ids[: encoded.counts[size - 1]],
        encoded.ends[:size],
        encoded.counts[:size],
    )
