"""`pensieve logs`: what the background server has to say, followed over rotations."""

import sys
import time
from pathlib import Path

import click

from pensieve import places
from pensieve.cli.manual.command import Command
from pensieve.cli.server import log_in_words, port_option
from pensieve.config.load import load_settings
from pensieve.errors import PensieveError
from pensieve.serve import pid_file
from pensieve.serve.log_tail import LogTail

_POLL_S = 0.2


@click.command(cls=Command)
@port_option
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes.")
@click.option(
    "-n",
    "--lines",
    "count",
    type=click.IntRange(min=0),
    default=50,
    show_default=True,
    help="Last lines to begin with.",
)
@click.option("--engine", is_flag=True, help="The log of the engines, of all ports.")
def logs(port: int | None, follow: bool, count: int, engine: bool) -> None:
    """Print the server's log."""
    port = load_settings({"port": port}).settings.port
    path = places.engine_log() if engine else _server_log(port)
    if not path.exists():
        raise PensieveError(f"{path}: nothing was written there yet")
    out = sys.stdout.buffer
    with LogTail(path) as tail:
        out.write(b"".join(tail.last_lines(count)))
        out.flush()
        try:
            while follow:
                out.write(b"".join(tail.new_lines()))
                out.flush()
                time.sleep(_POLL_S)
        except KeyboardInterrupt:
            pass  # the way to end it


def _server_log(port: int) -> Path:
    """Return where the log is.

    Raises:
        PensieveError: the server that runs has none of its own.
    """
    server = pid_file.read(port)
    if server is not None and server.log is None and server.is_running():
        raise PensieveError(
            f"the server on port {port} has no file: its log is {log_in_words(server)}"
        )
    return places.server_log(port)
