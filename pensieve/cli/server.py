"""`pensieve start`, `stop`, `restart` and `status`."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

import click
import msgspec

from pensieve.cli.asked_models import made_absolute, with_models
from pensieve.cli.manual.command import Command
from pensieve.cli.progress import progress
from pensieve.config.load import LoadedSettings, load_settings
from pensieve.config.schema import Settings
from pensieve.errors import PensieveError
from pensieve.serve import daemon, pid_file
from pensieve.serve.pid_file import Server
from pensieve.serve.probe import Health, ask_health, watch

NOT_RUNNING = 3
"""Exit status of `pensieve status`, as init scripts have it."""

SILENCE_S = 60.0
"""A server that has said nothing for this long will not come up any more."""

ON_THE_WAY = {
    "starting": "Starting the server",
    "loading": "Loading the model",
    "restarting": "Starting the engine again",
}

_BROKEN = ("failed", "silent")

Verb = Callable[..., Any]


def port_option(verb: Verb) -> Verb:
    """Give a verb --port."""
    kind = click.IntRange(1, 65535)
    return click.option("--port", type=kind, help="TCP port; it names the server.")(
        verb
    )


def _start_options(verb: Verb) -> Verb:
    verb = port_option(verb)
    verb = click.option("--host", help="Address to listen on.")(verb)
    return click.option("--model", help="Alias, pulled model, or path.")(verb)


@click.command(cls=Command)
@_start_options
@click.option(
    "--foreground", is_flag=True, help="Stay until Ctrl-C; log to the terminal."
)
def start(foreground: bool, **flags: str | int | None) -> None:
    """Start the server and wait until it is ready."""
    bring_up(_given(flags), foreground)


@click.command(cls=Command)
@port_option
def stop(port: int | None) -> None:
    """Stop the server, once running answers have ended."""
    port = load_settings({"port": port}).settings.port
    with pid_file.locked(port):
        server = pid_file.read(port)
        if server is None:
            click.echo(f"Nothing to stop: no server runs on port {port}.{_elsewhere()}")
        elif not server.is_running():
            daemon.clean_up(server)
            click.echo(
                f"The server on port {port} was dead already; cleaned up after it."
            )
        else:
            _stop(server)


@click.command(cls=Command)
@_start_options
def restart(**flags: str | int | None) -> None:
    """Stop the server and start it again, with the flags that it had."""
    given = _given(flags)
    port = load_settings(given).settings.port
    server = pid_file.read(port)
    given = (server.flags if server else {}) | given
    _check_is_ours(server)
    # Before anything is stopped: a model that is not there must not cost the server.
    with_models(load_settings(given).settings)
    if server is not None and server.is_running():
        with pid_file.locked(port):
            _stop(server)
    bring_up(given, foreground=False)


@click.command(cls=Command)
@port_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def status(ctx: click.Context, port: int | None, as_json: bool) -> None:
    """Say how the server is."""
    port = load_settings({"port": port}).settings.port
    server = pid_file.read(port)
    if server is None or not server.is_running():
        died = f" The one that did has died; {where_log(server)}." if server else ""
        line = f"No server runs on port {port}.{died}{_elsewhere()}"
        click.echo(json.dumps({"status": "stopped", "port": port}) if as_json else line)
        ctx.exit(NOT_RUNNING)
    health = health_of(server)
    click.echo(_as_json(server, health) if as_json else _as_text(server, health))
    ctx.exit(1 if health.status in _BROKEN else 0)


# ----- starting -----


def bring_up(flags: dict[str, str | int], foreground: bool) -> None:
    """Have the server run and be ready.

    Args:
        foreground: stay until it ends.

    Raises:
        PensieveError: it cannot be started, or another one is in its place.
    """
    loaded = load_settings(flags)
    settings = with_models(loaded.settings)
    flags = flags | made_absolute(loaded.settings, settings, flags)
    begun = time.monotonic()
    with pid_file.locked(settings.port):
        server = pid_file.read(settings.port)
        if server is not None and server.is_running():
            _check_serves(server, settings, loaded)
            click.echo(f"Already running: {server.model} at {server.base_url}.")
            return
        server, process = daemon.start(settings, flags, foreground)
    # Whatever ends this process, the server goes with it: Ctrl-C, SIGTERM, a terminal
    # that is closed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup has it
        signal.signal(signal.SIGHUP, _hang_up)
    try:
        _wait_until_ready(server)
        seconds = time.monotonic() - begun
        click.echo(f"Ready in {seconds:.1f} s: {server.model} at {server.base_url}.")
        if foreground:
            _stay(server, process)
    except KeyboardInterrupt:
        _stop(server)
        if not foreground:
            raise


def _hang_up(number: int, frame: FrameType | None) -> None:
    """Take a closed terminal as Ctrl-C, once; what is said has nowhere to go."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a shell sends it once more
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (1, 2):
        os.dup2(nowhere, descriptor)
    raise KeyboardInterrupt


def _wait_until_ready(server: Server) -> None:
    last = None
    with progress() as show:
        for last in watch(server, SILENCE_S):
            if last.status in ON_THE_WAY:
                show(ON_THE_WAY[last.status] + detail(last))
    if last is not None and last.status in ("ready", "unloaded"):
        return
    was_running = server.is_running()
    words = daemon.last_words(server)
    daemon.cut(server)
    if last is not None and last.status == "failed":
        what = f"the model cannot be served: {last.message}"
    elif was_running:
        what = f"the server said nothing for {SILENCE_S:.0f} s"
    else:
        what = f"the server ended while it was starting: {words}"
    raise PensieveError(f"{what}; {where_log(server)}")


def _stay(server: Server, process: subprocess.Popen[bytes]) -> None:
    """Wait for a server in the foreground to end by itself, which it should not."""
    exit_status = process.wait()
    daemon.clean_up(server)
    if exit_status != 0:
        raise PensieveError(f"the server ended by itself, with status {exit_status}")


def _check_serves(server: Server, settings: Settings, loaded: LoadedSettings) -> None:
    """Check that the server that runs is the one that was asked for, and works."""
    for name, now, asked in (
        ("model", server.model, settings.model),
        ("host", server.host, settings.host),
    ):
        if now != asked:
            raise PensieveError(
                f"{loaded.sources[name]}: a server runs on port {server.port} with"
                f" {name} {now}: `pensieve restart --{name} {asked}` changes that"
            )
    health = health_of(server)
    if health.status in _BROKEN:
        raise PensieveError(
            f"a server runs on port {server.port} and cannot serve: {health.message};"
            " `pensieve restart` starts it anew"
        )


def _check_is_ours(server: Server | None) -> None:
    if server is not None and server.is_managed and server.is_running():
        raise PensieveError(
            f"the server on port {server.port} was not started by `pensieve start`:"
            " restart it where that was done (a service:"
            " systemctl --user restart pensieve)"
        )


def _given(flags: dict[str, str | int | None]) -> dict[str, str | int]:
    return {name: value for name, value in flags.items() if value is not None}


# ----- stopping -----


def _stop(server: Server) -> None:
    limit_s = server.drain_timeout_s
    note = f"Waiting up to {limit_s:.0f} s for running answers; Ctrl-C ends them now."
    try:
        by_itself = daemon.stop(server, lambda: click.echo(note, err=True))
    except KeyboardInterrupt:
        by_itself = daemon.cut(server)
    how = "Stopped" if by_itself else "Killed, as it did not end in time,"
    click.echo(f"{how} the server on port {server.port}.")


# ----- telling -----


def health_of(server: Server) -> Health:
    """Return how a running server is; "silent" if it does not say."""
    silent = Health(status="silent", message="the server does not answer")
    return ask_health(server.base_url) or silent


def where_log(server: Server) -> str:
    """Return where what a server says can be read, as half a sentence."""
    return f"its log is {log_in_words(server)}"


def log_in_words(server: Server) -> str:
    """Return the log's path, or where else it is."""
    if server.log is not None:
        return server.log
    if server.is_managed:
        return "where it was started; a service's: journalctl --user -u pensieve"
    return "in the terminal where it was started"


def detail(health: Health) -> str:
    """Return what a server says of its state, after a colon; empty: nothing."""
    return f": {health.message}" if health.message else ""


def _as_text(server: Server, health: Health) -> str:
    length = health.context_length
    context = f", {length} tokens of context" if length else ""
    lines = [
        f"{health.status.capitalize()}{detail(health)}",
        f"  address  {server.base_url}",
        f"  model    {health.model or server.model}{context}",
        f"  server   pid {server.pid}, up {_duration(health.uptime_s)}",
    ]
    engine = health.engine
    if engine.get("pid"):
        lines.append(
            f"  engine   {engine.get('status')}, pid {engine['pid']},"
            f" {engine.get('memory_bytes', 0) / 1e6:.0f} MB,"
            f" {engine.get('active', 0)} running, {engine.get('queued', 0)} waiting,"
            f" {engine.get('restarts', 0)} restarts"
        )
    if len(health.models) > 1:
        told = [_of_model(model) for model in health.models]
        lines.append("  models   " + "\n           ".join(told))
    lines += _figures(health.requests)
    if memory := health.memory:
        lines.append(
            f"  memory   {memory.get('state')},"
            f" {memory.get('free_bytes', 0) / 1e6:.0f} MB free,"
            f" {memory.get('mlx_active_bytes', 0) / 1e6:.0f} MB in arrays"
            + (f"; last {memory['done']}" if memory.get("done") else "")
        )
    lines.append(f"  log      {log_in_words(server)}")
    return "\n".join(lines)


def _of_model(model: dict[str, Any]) -> str:
    engine = model["engine"]
    what = f"{model['name']}: {engine['status']}"
    if engine["status"] == "failed":
        return f"{what}: {engine['message']}"
    if engine["status"] != "ready":
        return what
    return (
        f"{what}, {engine['memory_bytes'] / 1e6:.0f} MB,"
        f" {engine['active']} running, {engine['queued']} waiting,"
        f" unused for {_duration(model['unused_s'])}"
    )


def _figures(requests: dict[str, Any]) -> list[str]:
    """Return a line of what became of requests, and one of the prefix cache."""
    lines = []
    if requests:
        first_s = requests["first_token_s"]
        mean = "" if first_s is None else f", {first_s:.2f} s to the first token"
        lines.append(
            f"  answered {requests['answered']} requests, {requests['failed']} failed,"
            f" {requests['client_left']} left by their clients{mean}"
        )
    sources = ("memory", "disk", "computed")
    tokens = {source: requests.get(f"{source}_tokens", 0) for source in sources}
    if total := sum(tokens.values()):
        memory, disk = (tokens[tier] / total for tier in ("memory", "disk"))
        lines.append(
            f"  cache    of {total} prompt tokens {memory:.1%} came from memory,"
            f" {disk:.1%} from disk"
        )
    return lines


def _as_json(server: Server, health: Health) -> str:
    body = msgspec.to_builtins(health)
    return json.dumps(
        body
        | {
            "worker_pid": body["pid"] or None,
            "pid": server.pid,
            "port": server.port,
            "base_url": server.base_url,
            "log": server.log,
        }
    )


def _duration(seconds: float) -> str:
    minutes, hours = seconds / 60, seconds / 3600
    if hours >= 1:
        return f"{hours:.1f} h"
    return f"{minutes:.0f} min" if minutes >= 1 else f"{seconds:.0f} s"


def _elsewhere() -> str:
    """Return a hint at servers on other ports, empty where there are none."""
    ports = [f"--port {server.port}" for server in pid_file.running()]
    return f" Others do: {', '.join(ports)}." if ports else ""
