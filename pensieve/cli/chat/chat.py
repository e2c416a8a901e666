"""`pensieve chat`: question and answer in turn, until the person ends it."""

import contextlib
import signal
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import click

from pensieve.cli.answer_options import answer_options
from pensieve.cli.answers import ANY_MODEL, Asker
from pensieve.cli.chat.conversation import AnswerContent, Conversation
from pensieve.cli.chat.typed import FENCE, Typed
from pensieve.cli.manual.command import Command
from pensieve.errors import PensieveError
from pensieve.serve.probe import ask_health

if TYPE_CHECKING:
    from pensieve.cli.chat.screen import Screen

HELP = f"""\
/new            forget the conversation and begin anew
/system TEXT    set the system prompt; without TEXT, take it away
/help           show this
/quit           end, as Ctrl-D does
{FENCE}             begins a message of several lines; the next {FENCE} ends it
Ctrl-C          stop the answer; twice, end"""


@click.command(cls=Command)
@click.option(
    "--model", default=ANY_MODEL, help="Which model. [default: the one that is loaded]"
)
@answer_options("The most that one answer may have.", max_tokens=4096)
def chat(
    model: str,
    system: str | None,
    max_tokens: int,
    temperature: float | None,
    port: int | None,
) -> None:
    """Talk with the model, turn by turn, in the terminal."""
    # Not at the top: rich takes longer to import than most verbs take to run.
    from pensieve.cli.chat.screen import screen

    asker = Asker(port)
    health = ask_health(asker.base_url)
    if health is None:
        raise PensieveError(
            f"nothing answers at {asker.base_url}: `pensieve start` starts the server"
        )
    how = How(model, max_tokens, temperature)
    session = Session(asker, screen(), Conversation(system), how)
    has_person = sys.stdin.isatty()
    if has_person:
        name = health.model if model == ANY_MODEL else model
        session.screen.note(f"{name} at {asker.base_url}. /help says what else works.")
    _converse(session, Typed(has_person), has_person)


def _converse(session: "Session", typed: Typed, has_person: bool) -> None:
    """Take messages until there are no more, /quit, or a second Ctrl-C in a row."""
    was_interrupted = False
    while True:
        try:
            message = typed.next()
        except KeyboardInterrupt:
            if not has_person:
                raise
            click.echo()
            if was_interrupted:
                return
            was_interrupted = True
            session.screen.note("Ctrl-C again, or Ctrl-D, ends.")
            continue
        if message is None:
            if has_person:
                click.echo()
            return
        was_interrupted = False
        if message.is_command:
            if not session.obey(message.text):
                return
        elif message.text.strip():
            was_interrupted = session.answer(message.text)
            if was_interrupted and not has_person:
                raise KeyboardInterrupt


class How(NamedTuple):
    """How answers are made; the same for all of a conversation."""

    model: str
    max_tokens: int
    temperature: float | None


class Session:
    """A conversation, with whom, and where it is shown."""

    def __init__(
        self, asker: Asker, screen: "Screen", conversation: Conversation, how: How
    ) -> None:
        self._asker = asker
        self.screen = screen
        self._conversation = conversation
        self._how = how

    def obey(self, command: str) -> bool:
        """Do what a command says; return whether the conversation goes on."""
        name, _, rest = command.partition(" ")
        match name:
            case "/quit":
                return False
            case "/new":
                self._conversation.forget()
                self.screen.note("A new conversation.")
            case "/system":
                self._conversation.system = rest.strip() or None
                told = "is set" if rest.strip() else "is taken away"
                self.screen.note(f"The system prompt {told}.")
            case "/help":
                self.screen.note(HELP)
            case _:
                self.screen.error(f"{name}: no such command; /help lists them")
        return True

    def answer(self, question: str) -> bool:
        """Show the answer to a question; return whether Ctrl-C stopped it.

        Of an answer that fails nothing is kept, its question neither.
        """
        conversation, content = self._conversation, AnswerContent()
        conversation.ask(question)
        answer = self._asker.ask(
            conversation.messages,
            **self._how._asdict(),
            system=conversation.system,
        )
        stopped: list[bool] = []

        def stop() -> None:
            stopped.append(True)
            answer.stop()

        try:
            with _on_interrupt(stop), self.screen.answer() as show:
                for event in answer:
                    if piece := content.feed(event):
                        show(piece)
        except PensieveError as error:
            conversation.take_back()
            self.screen.error(str(error))
            return False
        conversation.answered(content)
        if stopped:
            self.screen.note("(Stopped.)")
        elif content.stop_reason == "max_tokens":
            self.screen.note(
                f"(Cut at {self._how.max_tokens} tokens; --max-tokens allows more.)"
            )
        return bool(stopped)


@contextlib.contextmanager
def _on_interrupt(call: Callable[[], None]) -> Iterator[None]:
    """Have Ctrl-C call something, where it would break into whatever runs."""
    before = signal.signal(signal.SIGINT, lambda *_: call())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
