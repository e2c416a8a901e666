"""A conversation in, the prompt's text out, each turn as it was first written.

Templates write earlier turns anew with each request, and many change them: they drop
old thinking, or move the tools to the last question. Here every turn is written once,
in a small window that has the turn before it and nothing after, so that a prompt always
begins with the one before it and its answer. Where a template does not change what it
wrote, this is what it writes of the whole conversation.
"""

from collections.abc import Callable, Hashable, Iterable
from typing import Any, NamedTuple

from pensieve.errors import InvalidRequestError
from pensieve.prompt.chat_template import ChatTemplate, mode_variables
from pensieve.prompt.control_tokens import CUT
from pensieve.prompt.conversation import Conversation, Effort, Text, Turn
from pensieve.prompt.messages import CallNames, MessageWriter
from pensieve.prompt.prompt_memory import num_shared_chars
from pensieve.prompt.recent import Recent
from pensieve.prompt.template_form import TEMPLATE_FAILURES, Message

_EARLIER = Turn("user", [Text("…")])
"""Stands for all that was said before a window."""


class Mode(NamedTuple):
    """How an answer is asked for: a generation prompt may depend on it."""

    thinking: str
    effort: Effort | None


_ANY_MODE = Mode("default", None)


class Exchange(NamedTuple):
    """What is said to the assistant, and its answer."""

    before: Turn | None
    """The assistant's turn before; None at the start."""
    said: list[Turn]
    answer: Turn | None
    """None: it is asked for."""


def exchanges(conversation: Conversation) -> list[Exchange]:
    """Part a conversation at the assistant's turns.

    The last exchange has no answer, or one that the client began.
    """
    parted: list[Exchange] = []
    before: Turn | None = None
    said: list[Turn] = []
    for turn in conversation.turns:
        if turn.role == "assistant":
            parted.append(Exchange(before, said, turn))
            before, said = turn, []
        else:
            said.append(turn)
    if said:
        parted.append(Exchange(before, said, None))
    return parted


class Transcript:
    """Writes conversations for one model, turn by turn. Any thread may use it.

    Args:
        template: the model's.
        end_texts: the tokens that end an answer.
        mark: makes client text safe.
    """

    def __init__(
        self,
        template: ChatTemplate,
        end_texts: Iterable[str],
        mark: Callable[[str], str],
    ) -> None:
        self._template = template
        self._ends = [text for text in end_texts if text]
        self._writer = MessageWriter(template.form, mark)
        self._written: Recent[Hashable, str] = Recent()

    def question(
        self,
        conversation: Conversation,
        exchange: Exchange,
        mode: Mode,
        key: bytes,
    ) -> str:
        """Return what is said to the assistant, up to where its answer begins.

        Args:
            conversation: that the exchange is in.
            exchange: its answer is not looked at.
            mode: how the answer is, or was, asked for.
            key: names all that was said up to here.
        """
        return self._cached(
            (key, mode), lambda: self._question(conversation, exchange, mode)
        )

    def exchange(
        self,
        conversation: Conversation,
        exchange: Exchange,
        mode: Mode,
        key: bytes,
    ) -> str:
        """Return what was said to the assistant and what it answered.

        Args:
            conversation: that the exchange is in.
            exchange: with an answer.
            mode: how the answer is taken to have been asked for.
            key: names all that was said up to and with the answer.
        """
        return self._cached(
            (key, mode), lambda: self._answered(conversation, exchange, mode)
        )

    def begun(self, conversation: Conversation, exchange: Exchange, mode: Mode) -> str:
        """Return an exchange whose answer goes on where the client's text ends.

        Raises:
            InvalidRequestError: the template refuses this, or does not show it.
        """
        assert exchange.answer is not None
        window = self._window(conversation, exchange)
        message = self._writer.begun(exchange.answer)
        written = self._apply([*window.messages, message], window.tools, False, mode)
        begun, cut, _ = written.rpartition(CUT)
        if not cut:
            raise InvalidRequestError(
                "messages: the model's chat template cannot continue an answer"
            )
        return begun[self._start(begun, window) :]

    def at_once(self, conversation: Conversation) -> str:
        """Return what the template writes of a whole conversation that asks.

        Raises:
            InvalidRequestError: the template refuses this.
        """
        names = CallNames(conversation.turns)
        first, *others = exchanges(conversation)
        messages, tools = self._writer.opening(
            conversation.system, conversation.tools, first.said, names
        )
        for exchange in others:
            assert exchange.before is not None
            messages += self._writer.answer(exchange.before, names)
            messages += self._writer.between(exchange.said, names)
        mode = Mode(conversation.thinking, conversation.effort)
        return self._apply(messages, tools, True, mode)

    def _question(
        self, conversation: Conversation, exchange: Exchange, mode: Mode
    ) -> str:
        window = self._window(conversation, exchange)
        written = self._apply(window.messages, window.tools, True, mode)
        return written[self._start(written, window) :]

    def _answered(
        self, conversation: Conversation, exchange: Exchange, mode: Mode
    ) -> str:
        assert exchange.answer is not None
        window = self._window(conversation, exchange)
        # Templates write the last question in another way than earlier ones. So what
        # is said is taken from where it is the last, the answer from where that is.
        messages = self._writer.with_cut(window.messages)
        asked = self._apply(messages, window.tools, True, mode)
        said, cut, _ = asked.rpartition(CUT)
        if not cut:
            raise InvalidRequestError(
                "messages: the model's chat template does not show what was said"
            )
        answers = self._writer.answer(exchange.answer, window.names)
        first, *others = [
            self._answer(messages, window, answer, mode) for answer in answers
        ]
        if others:
            # The calls of a template that knows one at a time go on a line each.
            _, _, header = asked.rpartition(CUT)
            first += "".join(
                f"\n{text[num_shared_chars(text, header) :]}" for text in others
            )
        return said[self._start(said, window) :] + first

    def _answer(
        self, messages: list[Message], window: "_Window", answer: Message, mode: Mode
    ) -> str:
        """Return what comes between the last CUT in `messages` and an answer's end."""
        stand_in = self._writer.stand_in(answer)
        shown = self._apply([*messages, stand_in], window.tools, False, mode)
        _, _, after = shown.rpartition(CUT)
        ending = self._end_of_answer(after, stand_in)
        closing = after[ending:] if ending is not None else ""
        written = self._apply([*messages, answer], window.tools, False, mode)
        return written.rpartition(CUT)[2].removesuffix(closing)

    def _window(self, conversation: Conversation, exchange: Exchange) -> "_Window":
        names = CallNames(conversation.turns)
        if exchange.before is None:
            messages, tools = self._writer.opening(
                conversation.system, conversation.tools, exchange.said, names
            )
            return _Window(messages, tools, names, [])
        before, *_ = self._writer.answer(exchange.before, names)
        earlier = [
            *self._writer.between([_EARLIER], names),
            self._writer.stand_in(before),
        ]
        said = self._writer.between(exchange.said, names)
        # Tools and the system prompt belong to the first window alone: a template that
        # puts them to the last question would write them with every one.
        return _Window([*earlier, *said], None, names, earlier)

    def _start(self, written: str, window: "_Window") -> int:
        """Return where the text begins that is not of the window's earlier turns."""
        if not window.earlier:
            return 0
        place = written.rfind(CUT)
        if place < 0:
            raise InvalidRequestError(
                "messages: the model's chat template does not show an earlier answer"
            )
        after = place + len(CUT)
        *_, stand_in = window.earlier
        if "tool_calls" not in stand_in:
            return after
        # A call's syntax comes first, as far as the template writes it whatever is
        # said next, and ends before a token that ends answers.
        alone = self._apply(window.earlier, None, False, _ANY_MODE)
        syntax = alone[alone.rfind(CUT) + len(CUT) :]
        syntax = syntax[: num_shared_chars(syntax, written[after:])]
        ending = self._end_of_answer(syntax, stand_in)
        return after + (len(syntax) if ending is None else ending)

    def _end_of_answer(self, after: str, stand_in: Message) -> int | None:
        """Return where, after its last CUT, an answer ends and what closes it begins.

        After text that is at once. After a call its syntax comes first, and then a
        token that ends answers; None, if there is none.
        """
        if "tool_calls" not in stand_in:
            return 0
        places = [after.find(end) for end in self._ends]
        return min((place for place in places if place >= 0), default=None)

    def _apply(
        self,
        messages: list[Message],
        tools: list[dict[str, Any]] | None,
        answer_follows: bool,
        mode: Mode,
    ) -> str:
        variables = mode_variables(*mode)
        try:
            return self._template.write(messages, tools, answer_follows, variables)
        except TEMPLATE_FAILURES as error:
            raise InvalidRequestError(
                f"messages: the model's chat template refuses them: {error}"
            ) from error

    def _cached(self, key: Hashable, write: Callable[[], str]) -> str:
        text = self._written.find(key)
        if text is None:
            text = write()
            self._written.keep(key, text, len(text))
        return text


class _Window(NamedTuple):
    """What the template is shown to write one exchange."""

    messages: list[Message]
    tools: list[dict[str, Any]] | None
    names: CallNames
    earlier: list[Message]
    """The first of `messages`, up to the assistant's turn before: only for context."""
