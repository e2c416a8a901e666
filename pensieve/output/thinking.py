"""An answer's text in, thinking and text out, as the model's own tags part them.

Thinking is what an answer begins with. Tags that come later are text like any, for an
answer may be about them, and a call may write a file that has them. White space around
the tags belongs to neither side. A model whose prompt has opened the thinking for it
may open it again.
"""

import enum
from typing import NamedTuple

from pensieve.output.pieces import Text, Thinking
from pensieve.output.tool_parsers.text_until import TextUntil


class ThinkingTags(NamedTuple):
    """What a model writes around its thinking."""

    opens: str
    closes: str


TAGS = [
    ThinkingTags("<seed:think>", "</seed:think>"),  # Seed-OSS
    ThinkingTags("<longcat_think>", "</longcat_think>"),  # LongCat-Flash
    ThinkingTags("<mm:think>", "</mm:think>"),  # MiniMax-M3
    ThinkingTags("[THINK]", "[/THINK]"),  # Magistral, Ministral 3
    ThinkingTags("<|START_THINKING|>", "<|END_THINKING|>"),  # Command A Reasoning
    ThinkingTags("<|inner_prefix|>", "<|inner_suffix|>"),  # Apertus
    ThinkingTags("<|channel>thought", "<channel|>"),  # Gemma 4
    ThinkingTags("<thought>", "</thought>"),  # EXAONE Deep
    ThinkingTags("◁think▷", "◁/think▷"),  # Kimi-VL
    # Qwen 3, DeepSeek R1 and V3.1, GLM-4.5, MiniMax-M2, Kimi K2, Nemotron, OLMo 3
    ThinkingTags("<think>", "</think>"),
]
"""Those of the families: what is special to one before what many have.

Source: the chat templates in llama.cpp's models/templates, vllm/reasoning, and
mlx_lm/tokenizer_utils.py.
"""


def thinking_tags_of(template: str | None) -> ThinkingTags | None:
    """Return the tags of the model that has this chat template; None: it has none.

    The closing tag decides: a template that leaves the opening to the model still has
    to find where earlier thinking ends.
    """
    for tags in TAGS:
        if template is not None and tags.closes in template:
            return tags
    return None


class _Place(enum.Enum):
    """Where in the answer the text is."""

    BEGINNING = enum.auto()
    THINKING = enum.auto()
    ANSWER = enum.auto()


class ThinkingSplitter:
    """Parts one answer: any number of `feed`, then `finish`."""

    def __init__(self, tags: ThinkingTags, is_open: bool) -> None:
        """Begin an answer.

        Args:
            tags: the model's.
            is_open: the prompt ends inside thinking.
        """
        self._opens = tags.opens
        self._until_closed = TextUntil([tags.closes])
        self._place = _Place.THINKING if is_open else _Place.BEGINNING
        self._has_begun = False  # the thinking, or the answer behind it
        # What may turn out to be an opening tag, the first or one written again.
        self._held = ""

    @property
    def is_behind_thinking(self) -> bool:
        """Whether all that comes now is text, and goes out as it is."""
        return self._has_begun and self._place is _Place.ANSWER

    def feed(self, text: str) -> list[Text | Thinking]:
        """Return what this text makes certain; after the first Text, only Text."""
        pieces: list[Text | Thinking] = []
        if self._place is _Place.BEGINNING:
            text = self._beginning(text)
        if self._place is _Place.THINKING:
            found = self._until_closed.feed(text)
            thought = self._thought(found.text, is_over=bool(found.opener))
            pieces += [Thinking(thought)] if thought else []
            text = found.rest
            if found.opener:
                self._place = _Place.ANSWER
                self._has_begun = False
        if self._place is _Place.ANSWER:
            text = text if self._has_begun else text.lstrip()
            self._has_begun = self._has_begun or bool(text)
            pieces += [Text(text)] if text else []
        return pieces

    def finish(self) -> list[Text | Thinking]:
        """Return what was held back. Thinking that is not closed stays thinking."""
        if self._place is _Place.THINKING:
            rest = self._until_closed.finish().rstrip()
            thought = self._thought(rest, is_over=True)
            return [Thinking(thought)] if thought else []
        return [Text(self._held)] if self._held.strip() else []

    def _beginning(self, text: str) -> str:
        """Find out what the answer begins with; return what follows an opening tag."""
        text, self._held = self._held + text, ""
        stripped = text.lstrip()
        if stripped.startswith(self._opens):
            self._place = _Place.THINKING
            return stripped.removeprefix(self._opens)
        if self._opens.startswith(stripped):
            self._held = text
            return ""
        # White space that the answer begins with is kept: it may go on after a prefill.
        self._place = _Place.ANSWER
        self._has_begun = True
        return text

    def _thought(self, text: str, is_over: bool) -> str:
        """Return more of the thinking, without what is around it."""
        if self._has_begun:
            return text
        text, self._held = (self._held + text).lstrip(), ""
        if not is_over and self._opens.startswith(text):
            self._held = text
            return ""
        text = text.removeprefix(self._opens).lstrip()
        self._has_begun = bool(text)
        return text
