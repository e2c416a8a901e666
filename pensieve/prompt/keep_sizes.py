"""A prompt in, after how many of its tokens a later prompt may well go another way.

There the engine keeps a state of models that cannot take tokens back: before the last
question, which a user may write anew, and where the client says so by `cache_control`.
"""

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from pensieve.errors import InvalidRequestError
from pensieve.prompt.breakpoints import alike
from pensieve.prompt.canonical import canonicalise
from pensieve.prompt.conversation import Conversation
from pensieve.prompt.head_sizes import OTHER
from pensieve.prompt.similar_prompts import SimilarPrompts
from pensieve.schema.request import PromptRequest

MAX_PROMPTS = 64
"""Remembered; each mark of a conversation's messages needs one, until it moves."""


class KeepSizes:
    """Remembers prompts to compare with. Any thread may use it.

    Args:
        encode: makes a conversation's prompt.
    """

    def __init__(self, encode: Callable[[Conversation], Sequence[int]]) -> None:
        self._similar = SimilarPrompts(encode, MAX_PROMPTS)

    def sizes(
        self,
        conversation: Conversation,
        token_ids: Sequence[int],
        starts: Iterable[tuple[int, int]],
        request: PromptRequest | None = None,
    ) -> list[int]:
        """Return sizes in ascending order, each within the prompt.

        Args:
            token_ids: the conversation's prompt.
            starts: (token index, turn index) where it is known that a turn begins.
            request: that the conversation is of, for its marks.
        """
        prompt = array("I", token_ids)
        found = {self._before_last_question(conversation, prompt, _by_turn(starts))}
        for other in _marked_places(conversation, request):
            found.add(self._similar.num_shared(other, prompt))
        return sorted(size for size in found if 0 < size < len(token_ids))

    def _before_last_question(
        self, conversation: Conversation, prompt: "array[int]", starts: dict[int, int]
    ) -> int:
        """Return where what was last said to the assistant begins; 0 in a first turn.

        Behind an answer that was given here that is known, else it is measured.
        """
        turns = conversation.turns
        asked = len(turns)
        if turns[-1].role == "assistant":  # the beginning of the answer
            asked -= 1
        while asked and turns[asked - 1].role != "assistant":
            asked -= 1
        if asked == 0 or asked in starts:
            return starts[asked] if asked else 0
        other = msgspec.structs.replace(conversation, turns=[*turns[:asked], OTHER])
        return self._similar.num_shared(other, prompt)


def _by_turn(starts: Iterable[tuple[int, int]]) -> dict[int, int]:
    """Return the token index by the turn's."""
    return {turn: start for start, turn in starts}


def _marked_places(
    conversation: Conversation, request: PromptRequest | None
) -> Iterator[Conversation]:
    """Return conversations that are the same up to each mark."""
    for each in alike(request) if request else ():
        try:
            other = canonicalise(each)
        except InvalidRequestError:
            continue  # cut there it makes no sense: not known, then
        yield msgspec.structs.replace(
            other, thinking=conversation.thinking, effort=conversation.effort
        )
