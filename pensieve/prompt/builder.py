"""A request in, its prompt's token ids out: canonical form, template, tokenizer.

An assistant's turn that was answered here comes back as the ids that were generated,
so that a prompt begins with the one before it and its answer.
"""

import logging
from array import array
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Self

import msgspec

from pensieve.models.description import ModelDescription
from pensieve.prompt.answer_memory import AnswerMemory
from pensieve.prompt.canonical import canonicalise
from pensieve.prompt.chat_template import ChatTemplate, open_template
from pensieve.prompt.continuity import Continuity, Outline
from pensieve.prompt.conversation import Conversation
from pensieve.prompt.head_sizes import HeadSizes
from pensieve.prompt.history_probe import changed_history
from pensieve.prompt.keep_sizes import KeepSizes
from pensieve.prompt.template_form import THINKING_OPENS
from pensieve.prompt.tokenizer import Tokenizer, open_backend
from pensieve.prompt.transcript import Mode, Transcript, exchanges
from pensieve.prompt.turn_keys import chain, head_keys, key_of_content, key_of_turn
from pensieve.schema.decoding import nested_too_deeply
from pensieve.schema.message import ContentBlock
from pensieve.schema.request import PromptRequest

_log = logging.getLogger(__name__)


class Prompt(msgspec.Struct, frozen=True):
    """What the engine is given, and what it was made of."""

    token_ids: list[int]
    packed_ids: "array[int]"
    """The same, in a ninth of the memory."""
    is_continuation: bool
    """The client began the answer: its text goes on inside the client's."""
    opens_thinking: bool
    """The prompt ends inside of thinking: the answer begins there."""
    conversation: Conversation
    conversation_id: str
    """Empty: it is of no conversation that is followed."""
    extends: int
    """How many tokens it has in common with the conversation's earlier prompt and
    answer, at the start."""
    earlier: int
    """How many tokens those have; 0: there are none."""
    broken_by: str
    """The field in which it parts from them; empty: it extends all of them."""
    said: bytes
    """Names all that was said up to the answer."""
    head_size: int
    """How many of the first tokens are of the tools and the system prompt."""
    keep_sizes: list[int]
    """After how many of the tokens, ascending, others may well go another way."""


class PromptBuilder:
    """Makes one model's prompts. Any thread may use it.

    Args:
        template: the model's.
        tokenizer: the model's.
        end_token_ids: any of these ends an answer.
    """

    def __init__(
        self,
        template: ChatTemplate,
        tokenizer: Tokenizer,
        end_token_ids: Sequence[int] = (),
    ) -> None:
        self.tokenizer = tokenizer
        self._end_token_ids = frozenset(end_token_ids)
        end_texts = [tokenizer.backend.id_to_token(end) or "" for end in end_token_ids]
        self._transcript = Transcript(template, end_texts, tokenizer.mark)
        self._answers: AnswerMemory[Mode] = AnswerMemory()
        self._continuity = Continuity(tokenizer.backend.decode)
        self._head_sizes = HeadSizes(self._token_ids)
        self._keep_sizes = KeepSizes(self._token_ids)
        self.shows_tools = template.form.shows_tools
        """The template writes tools and calls itself; else the default format does."""
        self.knows_thinking = template.form.knows_thinking
        """Thinking can be switched on and off."""
        self.knows_effort = template.form.knows_effort
        """It has levels of effort."""
        if changed := changed_history(template, end_texts):
            _log.info(
                "the chat template writes earlier turns anew (%s): they are kept as"
                " they were first sent",
                ", ".join(changed),
            )

    @classmethod
    def open(cls, description: ModelDescription, uses_own_tools: bool = True) -> Self:
        """Read the model's template and tokenizer.

        Args:
            uses_own_tools: where the template has a form of its own for tools, that is
                used; otherwise the default format is in any case.

        Raises:
            ModelError: one of them cannot be used.
            OSError: a file cannot be read.
        """
        template = open_template(description)
        if not uses_own_tools:
            template.form = msgspec.structs.replace(template.form, shows_tools=False)
        tokenizer = Tokenizer(
            open_backend(description), template.own_text, description.end_token_ids
        )
        return cls(template, tokenizer, description.end_token_ids)

    def build(self, request: PromptRequest, conversation_id: str = "") -> Prompt:
        """Return the prompt, up to where the answer begins or goes on.

        Args:
            request: validated.
            conversation_id: `session` or `session/agent`, if its prompts are to extend
                each other; empty, to remember nothing of it.

        Raises:
            InvalidRequestError: the model cannot be asked this.
        """
        with nested_too_deeply():
            return self.prompt_of(canonicalise(request), conversation_id, request)

    def count(self, request: PromptRequest) -> int:
        """Return how many tokens the prompt has.

        Args:
            request: validated.

        Raises:
            InvalidRequestError: the model cannot be asked this.
        """
        with nested_too_deeply():
            conversation = canonicalise(request)
            num_tokens = 0
            for part in self._parts(conversation, chain(conversation)):
                if part.known_ids is None:
                    num_tokens += self.tokenizer.count(part.text, num_tokens == 0)
                else:
                    num_tokens += len(part.known_ids)
            return num_tokens

    def prompt_of(
        self,
        conversation: Conversation,
        conversation_id: str,
        request: PromptRequest | None = None,
    ) -> Prompt:
        """Return the prompt of a conversation in its stable form.

        Args:
            conversation_id: as `build` has it.
            request: that it is of, for what is marked in it.

        Raises:
            InvalidRequestError: the model's template refuses it.
        """
        links = chain(conversation)
        token_ids, starts, ending = self._encoded(conversation, links)
        outline = Outline(head_keys(conversation), links, starts)
        extends, earlier, broken_by = 0, 0, ""
        if conversation_id:
            extends, earlier, broken_by = self._continuity.follow(
                conversation_id, token_ids, outline
            )
        is_continuation = conversation.turns[-1].role == "assistant"
        return Prompt(
            token_ids=token_ids.tolist(),
            packed_ids=token_ids,
            is_continuation=is_continuation,
            opens_thinking=not is_continuation
            and ending.rstrip().endswith(THINKING_OPENS),
            conversation=conversation,
            conversation_id=conversation_id,
            extends=extends,
            earlier=earlier,
            broken_by=broken_by,
            said=links[-1],
            head_size=self._head_sizes.size(conversation, token_ids),
            keep_sizes=self._keep_sizes.sizes(conversation, token_ids, starts, request),
        )

    def remember(
        self,
        prompt: Prompt,
        generated_ids: Sequence[int],
        content: list[ContentBlock],
    ) -> None:
        """Keep an answer's ids for when it comes back.

        Args:
            prompt: that asked for it.
            generated_ids: all of the answer, thinking and calls as well.
            content: what the client was given.
        """
        ids = list(generated_ids)
        while ids and ids[-1] in self._end_token_ids:
            ids.pop()
        if not prompt.is_continuation:  # the client's text is in front of the answer
            mode = Mode(prompt.conversation.thinking, prompt.conversation.effort)
            self._answers.remember(prompt.said, key_of_content(content), ids, mode)
        if prompt.conversation_id:
            self._continuity.answered(prompt.conversation_id, prompt.packed_ids, ids)

    def _token_ids(self, conversation: Conversation) -> "array[int]":
        return self._encoded(conversation, chain(conversation))[0]

    def _encoded(
        self, conversation: Conversation, links: list[bytes]
    ) -> tuple["array[int]", list[tuple[int, int]], str]:
        """Return the prompt's ids, where turns begin in them, and its last text."""
        # PERF: arrays are joined as bytes, lists an object at a time
        token_ids = array("I")
        starts: list[tuple[int, int]] = []
        ending = ""
        for part in self._parts(conversation, links):
            starts.append((len(token_ids), part.first_turn))
            if part.known_ids is None:
                token_ids.extend(self.tokenizer.token_ids(part.text, not token_ids))
                ending = part.last_text
            else:
                token_ids.extend(part.known_ids)
        return token_ids, starts, ending

    def _parts(
        self, conversation: Conversation, links: list[bytes]
    ) -> Iterator["_Part"]:
        """Yield the prompt's text, parted at the answers that were given here."""
        text: list[str] = []
        turn = first_turn = 0
        mode = Mode(conversation.thinking, conversation.effort)
        *answered, last = exchanges(conversation)
        for exchange in answered:
            assert exchange.answer is not None
            turn += len(exchange.said)
            before = links[turn - 1]
            known = self._answers.find(before, key_of_turn(exchange.answer))
            if known is None:
                text.append(
                    self._transcript.exchange(conversation, exchange, mode, links[turn])
                )
            else:
                text.append(
                    self._transcript.question(
                        conversation, exchange, known.mode, before
                    )
                )
                yield _Part(first_turn, "".join(text), text[-1])
                yield _Part(turn, known_ids=known.token_ids)
                text.clear()
                first_turn = turn + 1
            turn += 1
        if last.answer is None:
            asked = self._transcript.question(conversation, last, mode, links[-1])
        else:
            asked = self._transcript.begun(conversation, last, mode)
        text.append(asked)
        yield _Part(first_turn, "".join(text), asked)


class _Part(NamedTuple):
    """Text of a prompt, or an answer's ids."""

    first_turn: int
    text: str = ""
    last_text: str = ""
    """What was written last of it."""
    known_ids: Sequence[int] | None = None
