"""`pensieve reload`: the settings file is read again, and nothing has to be stopped."""

import click

from pensieve.cli.manual.command import Command
from pensieve.cli.progress import progress
from pensieve.cli.server import (
    ON_THE_WAY,
    SILENCE_S,
    detail,
    health_of,
    port_option,
    where_log,
)
from pensieve.config.load import load_settings
from pensieve.errors import ConfigError, PensieveError
from pensieve.serve import daemon, pid_file
from pensieve.serve.pid_file import Server
from pensieve.serve.probe import watch


@click.command(cls=Command)
@port_option
def reload(port: int | None) -> None:
    """Have the server go by the settings file as it is now.

    Running answers end first where another model is to be loaded. What was set by flags
    and variables when the server was started stays; so does where it listens.
    """
    port = _port(port)
    with pid_file.locked(port):
        server = pid_file.read(port)
        if server is None or not server.is_running():
            raise PensieveError(f"no server runs on port {port}")
        old_worker = health_of(server).pid
        server = daemon.reload(server)
    if server.reloads.refused:
        raise PensieveError(f"nothing changed: {server.reloads.refused}")
    for note in server.reloads.notes:
        click.echo(note, err=True)
    _wait_for_new_worker(server, old_worker)
    click.echo(f"Reloaded: {server.model} at {server.base_url}.")


def _port(given: int | None) -> int:
    """Return the server's port, if need be without the file, which it will refuse.

    Raises:
        PensieveError: it is in the file alone, and that has a mistake.
    """
    try:
        return load_settings({"port": given}).settings.port
    except ConfigError as error:
        ports = [each.port for each in pid_file.running()]
        if given is None and len(ports) == 1:
            return ports[0]
        if given is None:
            raise PensieveError(f"nothing changed: {error}") from error
        return given


def _wait_for_new_worker(server: Server, old_worker: int) -> None:
    """Wait until what was reloaded serves.

    Raises:
        PensieveError: it does not.
    """
    last = None
    with progress() as show:
        # A new worker may have to wait for the old one's answers.
        for last in watch(server, server.drain_timeout_s + SILENCE_S, old_worker):
            if last.status in ON_THE_WAY:
                show(ON_THE_WAY[last.status] + detail(last))
    if last is None or last.status not in ("ready", "unloaded"):
        how = last.message if last and last.status == "failed" else "it does not answer"
        raise PensieveError(
            f"reloaded, and the model cannot be served: {how}; {where_log(server)}"
        )
