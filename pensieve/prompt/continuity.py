"""Prompts of a conversation in, how much each has in common with the one before out.

A model's cache serves a prompt as far as it begins like an earlier one. So the next
prompt of a conversation should begin with all of this one and its answer; where it does
not, the log says once which field is to blame.
"""

import logging
import threading
from array import array
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import NamedTuple

from pensieve import prompt_log

MAX_CONVERSATIONS = 256
MAX_TOKENS = 8 << 20
"""Of all conversations: 32 MB. The last one is kept however long it is."""
MAX_THREADS = 4
"""In one conversation: Claude Code asks for titles and the like in between."""
CONTEXT_TOKENS = 16
"""Shown on either side of a difference, where prompts are logged."""

_log = logging.getLogger(__name__)


class Outline(NamedTuple):
    """What a prompt was made of, field by field."""

    head: dict[str, bytes]
    """Keys of "tools" and "system"."""
    turns: list[bytes]
    """One for each turn: what was said up to and with it."""
    starts: list[tuple[int, int]]
    """(token index, turn index): from where on the tokens are of that turn."""


class Shared(NamedTuple):
    """How far a prompt extends the one before it."""

    extends: int
    """Tokens that both begin with."""
    earlier: int
    """Tokens of the earlier prompt with its answer; 0: there is none."""
    broken_by: str
    """The field that differs first, where it does not extend all; else empty."""


class _Sent(NamedTuple):
    token_ids: "array[int]"
    outline: Outline


class Continuity:
    """Remembers the last prompt of each conversation. Any thread may use it.

    Args:
        decode: token ids to text, for the log.
    """

    def __init__(self, decode: Callable[[Sequence[int]], str]) -> None:
        self._decode = decode
        self._sent: OrderedDict[str, list[_Sent]] = OrderedDict()
        self._lock = threading.Lock()

    def follow(
        self, conversation_id: str, token_ids: Sequence[int], outline: Outline
    ) -> Shared:
        """Return how far a prompt extends the last one, and remember it.

        Args:
            conversation_id: `session` or `session/agent`.
            token_ids: the prompt.
            outline: of the prompt.
        """
        now = _Sent(array("I", token_ids), outline)
        with self._lock:
            threads = self._threads(conversation_id)
            before, num_shared = _continued(threads, now)
            if before is not None:
                threads.remove(before)
            threads.append(now)
            del threads[:-MAX_THREADS]
            self._forget_the_oldest()
        earlier = len(before.token_ids) if before else 0
        session, _, agent = conversation_id.partition("/")
        _log.debug(
            "session %s agent %s: %d prompt tokens extend %d of the earlier %d",
            *(session, agent or "-", len(token_ids), num_shared, earlier),
        )
        if before is None or num_shared == earlier:
            return Shared(num_shared, earlier, "")
        return Shared(num_shared, earlier, self._tell(session, before, now, num_shared))

    def answered(
        self, conversation_id: str, prompt: Sequence[int], generated: Sequence[int]
    ) -> None:
        """Add an answer's ids to the prompt that asked for it, if it is still known."""
        asked = array("I", prompt)
        with self._lock:
            threads = self._threads(conversation_id)
            for index, sent in enumerate(threads):
                if sent.token_ids == asked:
                    whole = asked + array("I", generated)
                    threads[index] = sent._replace(token_ids=whole)
                    return

    def _threads(self, conversation_id: str) -> list[_Sent]:
        """Return the conversation's prompts, to be changed under the lock."""
        threads = self._sent.setdefault(conversation_id, [])
        self._sent.move_to_end(conversation_id)
        return threads

    def _forget_the_oldest(self) -> None:
        sizes = [
            sum(len(sent.token_ids) for sent in threads)
            for threads in self._sent.values()
        ]
        num_tokens = sum(sizes)
        for size in sizes[:-1]:
            if len(self._sent) <= MAX_CONVERSATIONS and num_tokens <= MAX_TOKENS:
                return
            self._sent.popitem(last=False)
            num_tokens -= size

    def _tell(self, session: str, before: _Sent, now: _Sent, index: int) -> str:
        """Log what broke the prefix: for the client's own doing, not as a warning.

        Returns:
            The field that differs.
        """
        field, is_clients = _first_difference(before, now, index)
        _log.log(
            logging.INFO if is_clients else logging.WARNING,
            "session %s: the prompt differs from the earlier one from token %d on: %s",
            *(session, index, field),
        )
        if prompt_log.is_on():
            around = slice(max(0, index - CONTEXT_TOKENS), index + CONTEXT_TOKENS)
            texts = [self._decode(sent.token_ids[around]) for sent in (before, now)]
            where = f"session {session}, token {index}"
            prompt_log.tell(f"{where}, now", texts[1])
            prompt_log.tell(f"{where}, earlier", texts[0])
        return field


def _continued(threads: list[_Sent], now: _Sent) -> tuple[_Sent | None, int]:
    """Return which of the earlier prompts this one goes on from, and what they share.

    One that it extends; else the last one with the same head, or with half of it the
    same. A prompt with another head altogether is the first of its own.
    """
    shared = [num_shared(sent.token_ids, now.token_ids) for sent in threads]
    extended = [
        (count, sent)
        for count, sent in zip(shared, threads, strict=True)
        if count == len(sent.token_ids)
    ]
    if extended:
        count, sent = max(extended, key=lambda entry: entry[0])
        return sent, count
    for num_fields in range(len(now.outline.head), 0, -1):
        for count, sent in zip(reversed(shared), reversed(threads), strict=True):
            if _num_equal(sent.outline.head, now.outline.head) == num_fields:
                return sent, count
    return None, 0


def _num_equal(first: dict[str, bytes], second: dict[str, bytes]) -> int:
    return sum(first[name] == second[name] for name in first)


def _first_difference(before: _Sent, now: _Sent, index: int) -> tuple[str, bool]:
    """Return the field that differs, and whether the client exchanged messages.

    Compaction, forks and retries do so, and leave the head of the prompt as it is.
    """
    for name, key in before.outline.head.items():
        if now.outline.head[name] != key:
            return name, False
    pairs = zip(before.outline.turns, now.outline.turns, strict=False)
    for turn, (earlier, later) in enumerate(pairs):
        if earlier != later:
            return f"messages.{turn}", True
    if len(now.outline.turns) <= len(before.outline.turns):
        return f"messages.{len(now.outline.turns)}", True
    started = [turn for start, turn in now.outline.starts if start <= index]
    return f"messages.{started[-1]}", False


def num_shared(first: "array[int]", second: "array[int]") -> int:
    """Return how many items both begin with."""
    shortest = min(len(first), len(second))
    if first[:shortest] == second[:shortest]:
        return shortest
    low, high = 0, shortest  # the first `low` are equal, the first `high` are not
    while high - low > 1:
        middle = (low + high) // 2
        if first[low:middle] == second[low:middle]:
            low = middle
        else:
            high = middle
    return low
