"""A prompt in, how much of it another conversation's prompt begins with too.

Where something ends in a prompt is each template's own affair, so it is measured: by
the prompt of a conversation that is the same up to there and then says something else.
"""

import threading
from array import array
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence

from pensieve.errors import InvalidRequestError
from pensieve.prompt.continuity import num_shared
from pensieve.prompt.conversation import Conversation
from pensieve.prompt.turn_keys import chain

MAX_TOKENS = 1 << 20
"""Of all prompts that are remembered: 4 MB. The last one is kept however long it is."""


class SimilarPrompts:
    """Remembers prompts to compare with. Any thread may use it.

    Args:
        encode: makes a conversation's prompt.
        max_prompts: remembered.
    """

    def __init__(
        self, encode: Callable[[Conversation], Sequence[int]], max_prompts: int
    ) -> None:
        self._encode = encode
        self._max_prompts = max_prompts
        self._prompts: OrderedDict[Hashable, array[int]] = OrderedDict()
        self._num_tokens = 0
        self._lock = threading.Lock()

    def num_shared(self, conversation: Conversation, token_ids: "array[int]") -> int:
        """Return how many tokens a conversation's prompt begins with as this one does.

        0 where the template refuses that conversation.
        """
        return num_shared(self._prompt(conversation), token_ids)

    def _prompt(self, conversation: Conversation) -> "array[int]":
        said = chain(conversation)[-1]
        key = (said, conversation.thinking, conversation.effort)
        with self._lock:
            if key in self._prompts:
                self._prompts.move_to_end(key)
                return self._prompts[key]
        try:
            prompt = array("I", self._encode(conversation))
        except InvalidRequestError:
            prompt = array("I")  # the template wants more, or something else
        with self._lock:
            if key not in self._prompts:
                self._prompts[key] = prompt
                self._num_tokens += len(prompt)
            self._forget_the_oldest()
        return prompt

    def _forget_the_oldest(self) -> None:
        while len(self._prompts) > self._max_prompts or (
            self._num_tokens > MAX_TOKENS and len(self._prompts) > 1
        ):
            _, oldest = self._prompts.popitem(last=False)
            self._num_tokens -= len(oldest)
