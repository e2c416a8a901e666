"""Who is let into a batch that has little room: who waits in, an order out.

First comes the conversation that has the fewest sequences in the batch, so that one
with eight sub-agents does not keep another's single request out; among equals the order
of prefill. Every fourth place is the oldest's: whoever has m older ones before it is
let in with the 4·(m + 1)th place at the latest. Background sequences come last.
"""

from collections import Counter
from collections.abc import Collection
from typing import Generic

from pensieve.engine.scheduling.prefill_order import OLDEST_EVERY, Key, PrefillOrder


class AdmissionOrder(Generic[Key]):
    """The order of those that wait.

    Args:
        order: of all sequences, waiting and let in.
    """

    def __init__(self, order: PrefillOrder[Key]) -> None:
        self._order = order
        self._num_contested = 0

    def ranked(self, waiting: Collection[Key], inside: Collection[Key]) -> list[Key]:
        """Return those that wait, the first to be let in first.

        Args:
            inside: sequences in the batch.
        """
        if len(waiting) < 2:
            return [*waiting]
        rows = Counter(self._order.conversation(key) for key in inside)
        # Sorting is stable: equals stay in the order of prefill.
        ranked = sorted(
            self._order.ranked(waiting),
            key=lambda key: (
                self._order.is_background(key),
                rows[self._order.conversation(key)],
            ),
        )
        if self._num_contested % OLDEST_EVERY == OLDEST_EVERY - 1:
            oldest = self._order.oldest(waiting)
            ranked.remove(oldest)
            ranked.insert(0, oldest)
        return ranked

    def note_let_in(self, num_others: int) -> None:
        """Note that one was let in, before so many others that wait."""
        self._num_contested += num_others > 0
