"""Whose prompt is worked on next: sequences and their prompts' sizes in, an order out.

First comes the prompt that would be complete first if all conversations shared the
machine equally, and the prompts of one conversation its part. So of prompts that come
together the shortest is first; one that waits moves up, since its share goes on in
thought while others are worked on; and a conversation gets no more for having many
prompts. A prompt is complete no later than under such sharing, but for a chunk: one of
n tokens among c conversations after c·n tokens. (One of several of its conversation may
be a little later: who else comes can change their order.)

Under more work than can be done, c has no end. So every fourth chunk is the oldest
prompt's: none waits longer than four times what it and those before it need. Background
sequences have an order of their own, behind all others.

Source: Friedman and Henderson, "Fairness and efficiency in web server protocols"
(SIGMETRICS 2003), the Fair Sojourn Protocol; here of two levels.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)

OLDEST_EVERY = 4
"""Of so many choices one is the oldest's."""
NEGLIGIBLE = 1e-6
"""Tokens that are none, but for rounding."""


@dataclass(eq=False)
class _Claim:
    conversation: Hashable
    is_background: bool
    num_left: int
    """Tokens to compute."""
    share_left: float
    """Tokens to compute if all were shared equally; > 0 also behind `num_left`'s end:
    what has been had before its time still counts."""


class PrefillOrder(Generic[Key]):
    """The order of sequences, from their coming to their end."""

    def __init__(self) -> None:
        self._claims: dict[Key, _Claim] = {}  # in order of arrival
        self._past: list[_Claim] = []  # of sequences that are gone
        self._num_choices = 0

    def add(
        self,
        key: Key,
        conversation: Hashable,
        num_tokens: int,
        is_background: bool = False,
    ) -> None:
        """Take a sequence in.

        Args:
            conversation: what it shares with others.
            num_tokens: of its prompt that have to be computed, >= 0.
        """
        self._claims[key] = _Claim(conversation, is_background, num_tokens, num_tokens)

    def shorten(self, key: Key, num_tokens: int) -> None:
        """Note that only so many tokens are left: others have computed the rest."""
        claim = self._claims[key]
        claim.num_left = num_tokens
        claim.share_left = min(claim.share_left, num_tokens)

    def spend(self, key: Key, num_tokens: int) -> None:
        """Note that a part of a prompt has been computed."""
        claim = self._claims[key]
        claim.num_left -= num_tokens
        sharers = defaultdict(list)
        for each in [*self._claims.values(), *self._past]:
            if each.is_background == claim.is_background and each.share_left:
                sharers[each.conversation].append(each)
        sums = {name: sum(_shares(each)) for name, each in sharers.items()}
        for_each = level(sums.values(), num_tokens)
        for name, claims in sharers.items():
            part = level(_shares(claims), min(for_each, sums[name]))
            for each in claims:
                left = each.share_left - part
                each.share_left = left if left > NEGLIGIBLE else 0.0
        self._past = [each for each in self._past if each.share_left]

    def remove(self, key: Key) -> None:
        """Let a sequence go, if it is there; what it has had still counts."""
        claim = self._claims.pop(key, None)
        if claim is None:
            return
        claim.share_left -= claim.num_left
        if claim.share_left > NEGLIGIBLE:
            self._past.append(claim)

    def conversation(self, key: Key) -> Hashable:
        """Return what the sequence shares with others."""
        return self._claims[key].conversation

    def is_background(self, key: Key) -> bool:
        """Whether all others go first."""
        return self._claims[key].is_background

    def ranked(self, keys: Iterable[Key]) -> list[Key]:
        """Return these sequences, the first first; equals in order of arrival."""
        wanted = set(keys)
        ends = self._ends()
        there = [key for key in self._claims if key in wanted]
        return sorted(
            there,
            key=lambda key: (self.is_background(key), ends[id(self._claims[key])]),
        )

    def next(self, keys: Iterable[Key]) -> Key:
        """Choose the sequence to work on now, of at least one."""
        ranked = self.ranked(keys)
        if len(ranked) > 1:
            self._num_choices += 1
            if self._num_choices % OLDEST_EVERY == 0:
                return self.oldest(ranked)
        return ranked[0]

    def oldest(self, keys: Iterable[Key]) -> Key:
        """Return the one that came first; a background one if all are."""
        wanted = set(keys)
        there = (key for key in self._claims if key in wanted)
        return min(there, key=self.is_background)

    def _ends(self) -> dict[int, float]:
        """Return when each claim would be met, by its id.

        As tokens for each conversation that has not ended: they all get the same.
        """
        families = defaultdict(list)
        for each in [*self._claims.values(), *self._past]:
            families[each.conversation, each.is_background].append(each)
        ends = {}
        for claims in families.values():
            claims.sort(key=lambda claim: claim.share_left)
            end = before = 0.0
            for i, claim in enumerate(claims):
                # All that are left get as much as this one needs to be the next to end.
                end += (claim.share_left - before) * (len(claims) - i)
                before = claim.share_left
                ends[id(claim)] = end
        return ends


def level(amounts: Iterable[float], total: float) -> float:
    """Return how much each may take, of its amount at most, to take `total` together.

    Infinite if the amounts are not more than that.
    """
    left = total
    ascending = sorted(amounts)
    for i, amount in enumerate(ascending):
        each = left / (len(ascending) - i)
        if amount > each:
            return each
        left -= amount
    return float("inf")


def _shares(claims: Sequence[_Claim]) -> list[float]:
    return [claim.share_left for claim in claims]
