"""What a person sees of a conversation: Markdown on a terminal, else plain text.

All text of the model passes `shown`, and once more after Markdown has been read: in it
"&#x202e;" is a character, too.
"""

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Protocol

import click
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.live import Live
from rich.markdown import Markdown
from rich.segment import Segment
from rich.spinner import Spinner
from rich.text import Text

from pensieve.cli.answers import shown
from pensieve.cli.chat.conversation import Piece
from pensieve.cli.chat.markdown_blocks import MarkdownBlocks, parsed

Show = Callable[[Piece], None]

_REFRESHES = 10
"""A second. A block that grows is drawn anew each time."""

_SPARE_LINES = 2
"""Of the screen, which the part that is drawn anew leaves free."""


class Screen(Protocol):
    """Where a conversation is shown."""

    def note(self, text: str) -> None:
        """Say something about the conversation."""

    def error(self, text: str) -> None:
        """Say what went wrong."""

    def answer(self) -> contextlib.AbstractContextManager[Show]:
        """Give what shows the pieces of one answer."""


def screen() -> Screen:
    """Return the screen that stdout is."""
    console = Console(markup=False, emoji=False, highlight=False)
    if console.is_terminal and not console.is_dumb_terminal:
        return TerminalScreen(console)
    return PlainScreen()


class PlainScreen:
    """The text of the answers alone on stdout, all else on stderr."""

    def note(self, text: str) -> None:
        """Say something about the conversation."""
        click.echo(text, err=True)

    def error(self, text: str) -> None:
        """Say what went wrong."""
        click.echo(f"Error: {shown(text)}", err=True)

    @contextlib.contextmanager
    def answer(self) -> Iterator[Show]:
        """Give what prints the text of one answer."""
        is_mid_line = False

        def show(piece: Piece) -> None:
            nonlocal is_mid_line
            if piece.kind == "text":
                click.echo(shown(piece.text), nl=False)
                is_mid_line = True

        try:
            yield show
        finally:
            if is_mid_line:
                click.echo()


class TerminalScreen:
    """Markdown, drawn as it comes; thinking dimly.

    Args:
        console: of a terminal that can move its cursor.
    """

    def __init__(self, console: Console) -> None:
        self._console = console

    def note(self, text: str) -> None:
        """Say something about the conversation."""
        self._console.print(Text(text, style="dim"))

    def error(self, text: str) -> None:
        """Say what went wrong."""
        self._console.print(Text(f"Error: {shown(text)}", style="red"))

    @contextlib.contextmanager
    def answer(self) -> Iterator[Show]:
        """Give what draws one answer."""
        view = _AnswerView(self._console)
        with (
            _hidden_typing(),
            Live(
                console=self._console,
                get_renderable=view.growing,
                refresh_per_second=_REFRESHES,
                transient=True,
            ),
        ):
            try:
                yield view.show
            finally:
                view.finish()
        self._console.print()


class _AnswerView:
    """One answer: what is final is printed for good, the rest drawn anew below it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._spinner = Spinner("dots", style="dim")
        self._kind = ""
        self._blocks = MarkdownBlocks()
        self._is_begun = False

    def growing(self) -> RenderableType:
        """Return what is drawn anew. Called by the thread that does it."""
        if not self._kind:
            return self._spinner
        return _Untrusted(self._drawn(self._blocks.pending), is_tail=True)

    def show(self, piece: Piece) -> None:
        """Take the next piece."""
        if piece.kind != self._kind:
            self.finish()
            self._kind = piece.kind
        self._print(self._blocks.feed(shown(piece.text)))

    def finish(self) -> None:
        """Print what is left."""
        self._print(self._blocks.finish())

    def _print(self, final: str) -> None:
        if not final.strip():
            return
        if self._is_begun:
            self._console.print()
        self._is_begun = True
        self._console.print(_Untrusted(self._drawn(final)))

    def _drawn(self, text: str) -> RenderableType:
        if self._kind == "thinking":
            return Text(text.strip("\n"), style="dim italic")
        drawn = Markdown(text, code_theme="ansi_dark", hyperlinks=False)
        drawn.parsed = parsed(text)
        return drawn


class _Untrusted:
    """A model's text in some form, with nothing in it that moves the cursor.

    Args:
        is_tail: show as much of its end as the screen holds.
    """

    def __init__(self, drawn: RenderableType, is_tail: bool = False) -> None:
        self._drawn = drawn
        self._is_tail = is_tail

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> RenderResult:
        lines = console.render_lines(self._drawn, options, pad=False)
        if self._is_tail:
            lines = lines[-max(1, console.height - _SPARE_LINES) :]
        for line in lines:
            for text, style, control in line:
                if not control:
                    yield Segment(shown(text), style)
            yield Segment.line()


@contextlib.contextmanager
def _hidden_typing() -> Iterator[None]:
    """Keep what is typed meanwhile off the screen; the next line begins with it."""
    try:
        import termios

        terminal = sys.stdin.fileno()
        before = termios.tcgetattr(terminal)
    except (ImportError, OSError, ValueError, termios.error):
        yield  # stdin is no terminal
        return
    quiet = termios.tcgetattr(terminal)
    quiet[3] &= ~(termios.ECHO | termios.ECHOCTL)
    termios.tcsetattr(terminal, termios.TCSANOW, quiet)
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSANOW, before)
