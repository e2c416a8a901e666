"""`pensieve top`: looks at a server again and again, and draws what it finds."""

import contextlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from pensieve.cli.manual.command import Command
from pensieve.cli.top.keys import keys
from pensieve.config.load import load_settings
from pensieve.errors import PensieveError
from pensieve.keys import LOCAL_TOKEN
from pensieve.serve import pid_file

if TYPE_CHECKING:
    from rich.console import Console

    from pensieve.cli.top.reading import Reading

_SLICE_S = 0.2
"""How often a key and the terminal's size are looked at."""

Look = Callable[[], "Reading"]


@click.command(cls=Command)
@click.option("--port", type=click.IntRange(1, 65535), help="Which server.")
@click.option(
    "--interval",
    type=click.FloatRange(0.2, 3600),
    default=1.0,
    show_default=True,
    help="Seconds between two looks.",
)
@click.option("--once", is_flag=True, help="Print what is there now, and end.")
def top(port: int | None, interval: float, once: bool) -> None:
    """Show what the server is doing, live."""
    # Not at the top: rich takes longer to import than most verbs take to run.
    from rich.console import Console

    from pensieve.cli.top.frame import frame
    from pensieve.cli.top.reading import read_figures

    settings = load_settings({"port": port}).settings
    key = settings.api_key or LOCAL_TOKEN

    def look() -> "Reading":
        # Anew each time: the next server there may listen on another address.
        server = pid_file.read(settings.port)
        return read_figures(server.base_url if server else settings.base_url, key)

    console = Console(markup=False, emoji=False, highlight=False)
    if once:
        found = look()
        if found.report is None:
            raise PensieveError(f"{found.base_url}: {found.problem}")
        console.print(frame(found, console.height))
        return
    with contextlib.suppress(KeyboardInterrupt):  # as good an end as any
        if console.is_terminal and not console.is_dumb_terminal:
            _draw(console, look, interval)
        else:
            _print(console, look, interval)


def _print(console: "Console", look: Look, interval: float) -> None:
    """Print one look after the other."""
    from pensieve.cli.top.frame import frame

    while True:
        console.print(frame(look(), console.height))
        console.print()
        console.file.flush()
        time.sleep(interval)


def _draw(console: "Console", look: Look, interval: float) -> None:
    """Draw each look in place of the one before, until q is pressed."""
    from rich.live import Live

    from pensieve.cli.top.frame import frame

    with keys() as wait, Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            found = look()
            looked_at = time.monotonic()
            size = None
            while (left := looked_at + interval - time.monotonic()) > 0:
                if console.size != size:
                    size = console.size
                    live.update(frame(found, size.height), refresh=True)
                if "q" in wait(min(left, _SLICE_S)):
                    return
