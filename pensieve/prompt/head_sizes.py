"""A prompt in, how many of its first tokens are the head's: of tools and system.

That is what it has in common with a prompt of the same head that asks for something
else.
"""

from array import array
from collections.abc import Callable, Sequence

import msgspec

from pensieve.prompt.conversation import Conversation, Text, Turn
from pensieve.prompt.similar_prompts import SimilarPrompts

MAX_HEADS = 64
"""Remembered; a coding agent and its sub-agents have some five."""

OTHER = Turn("user", [Text("…")])
"""A question that nobody asks."""


class HeadSizes:
    """Remembers prompts to compare with. Any thread may use it.

    Args:
        encode: makes a conversation's prompt.
    """

    def __init__(self, encode: Callable[[Conversation], Sequence[int]]) -> None:
        self._others = SimilarPrompts(encode, MAX_HEADS)

    def size(self, conversation: Conversation, token_ids: Sequence[int]) -> int:
        """Return the size of the head, 0 if there is none.

        Args:
            token_ids: the conversation's prompt.
        """
        if not (conversation.system or conversation.tools):
            return 0
        other = msgspec.structs.replace(conversation, turns=[OTHER])
        return self._others.num_shared(other, array("I", token_ids))
