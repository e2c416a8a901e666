"""Units for systemd's user manager: the server, and the socket that starts it.

Secrets stay in the settings file; the units have addresses, times and places.
"""

import os
import socket
from pathlib import Path

from pensieve import places
from pensieve.config.schema import Settings
from pensieve.errors import ConfigError
from pensieve.serve import daemon
from pensieve.serve.services.service import Command, Run, State, do

TOOL = "systemctl"
SERVICE, SOCKET = "pensieve.service", "pensieve.socket"

_SERVICE_UNIT = """\
# Written by `pensieve service install`, and written anew by the next.
[Unit]
Description=Pensieve, a local LLM server
Requires={socket}
After={socket}
StartLimitIntervalSec=300
StartLimitBurst=5

[Service]
Type=notify
NotifyAccess=main
ExecStart={command}
ExecReload=/bin/kill -HUP $MAINPID
WorkingDirectory=-{directory}
{environment}\
Restart=on-failure
RestartSec=5
KillSignal=SIGTERM
# The engine is ended by the server, which has answers to end first.
KillMode=mixed
TimeoutStopSec={stop_s}
# The engine is what the kernel takes where memory runs out; it is started again.
OOMPolicy=continue

# Nothing here that takes a namespace, which user managers may not make everywhere, or
# that keeps MLX from compiling its kernels and loading them, or from its GPU.
UMask=0077
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictNamespaces=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
SystemCallArchitectures=native

[Install]
WantedBy=default.target
"""

_SOCKET_UNIT = """\
# Written by `pensieve service install`, and written anew by the next.
[Unit]
Description=Where Pensieve listens

[Socket]
ListenStream={address}
Backlog=2048

[Install]
WantedBy=sockets.target
"""


def files(settings: Settings) -> dict[Path, bytes]:
    """Return the units by their paths.

    Raises:
        ConfigError: `host` stands for no address.
    """
    texts = {SERVICE: service_unit(settings), SOCKET: socket_unit(settings)}
    return {_folder() / name: text.encode() for name, text in texts.items()}


def paths() -> list[Path]:
    """Return where the units are."""
    return [_folder() / SERVICE, _folder() / SOCKET]


def service_unit(settings: Settings) -> str:
    """Return the unit of the server."""
    home = os.environ.get("PENSIEVE_HOME")
    environment = ""
    if home:
        home = str(Path(home).expanduser().absolute())
        environment = f"Environment={_quoted(f'PENSIEVE_HOME={home}')}\n"
    command = " ".join(_quoted(w).replace("$", "$$") for w in daemon.command())
    return _SERVICE_UNIT.format(
        socket=SOCKET,
        command=command,
        directory=str(places.run_dir()).replace("%", "%%"),
        environment=environment,
        stop_s=round(settings.drain_timeout_s + daemon.STOP_MARGIN_S),
    )


def socket_unit(settings: Settings) -> str:
    """Return the unit of the socket.

    Raises:
        ConfigError: `host` stands for no address.
    """
    try:
        family, *_, address = socket.getaddrinfo(
            settings.host,
            settings.port,
            type=socket.SOCK_STREAM,
            flags=socket.AI_PASSIVE,
        )[0]
    except socket.gaierror as error:
        raise ConfigError(
            f"host: expected an address of this machine, got {settings.host}:"
            f" {error.strerror}"
        ) from error
    host = f"[{address[0]}]" if family == socket.AF_INET6 else address[0]
    return _SOCKET_UNIT.format(address=f"{host}:{settings.port}")


def commands() -> list[Command]:
    """Return what has the manager read the units, and listen from now on."""
    return [_command("daemon-reload"), _command("enable", "--now", SOCKET)]


def take_up(is_new: bool, run: Run) -> None:
    """Have it do so. A server that runs already goes on as it was started.

    Raises:
        PensieveError: it does not.
    """
    do(commands(), run)


def give_up(run: Run) -> None:
    """End the server, and keep it from being started again.

    Raises:
        PensieveError: that failed.
    """
    do([_command("disable", "--now", SOCKET, SERVICE)], run)


def forget(run: Run) -> None:
    """Have the manager see that the units are gone.

    Raises:
        PensieveError: that failed.
    """
    do([_command("daemon-reload")], run)


def state(run: Run) -> State:
    """Return what the manager says."""
    enabled = run(_command("is-enabled", SOCKET)).said
    listening = run(_command("is-active", SOCKET)).said
    running = run(_command("is-active", SERVICE))
    told = {"enabled": enabled, "listening": listening, "running": running.said}
    return State(told, is_running=running.is_done)


def advice() -> list[str]:
    """Return what may be wanted next."""
    both = f"{SOCKET} {SERVICE}"
    return [
        f"now, not by the first request:  systemctl --user start {SERVICE}",
        f"at each login:                  systemctl --user enable {SERVICE}",
        "while nobody is logged in:      loginctl enable-linger",
        f"after another installation:     systemctl --user restart {both}",
        f"its log:                        journalctl --user -u {SERVICE}",
    ]


def _folder() -> Path:
    folder = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(folder) / "systemd" / "user"


def _command(*words: str) -> Command:
    return [TOOL, "--user", *words]


def _quoted(word: str) -> str:
    """Return a word as units quote it; "%" would begin a specifier."""
    for plain, escaped in (("\\", r"\\"), ('"', r"\""), ("\n", r"\n"), ("%", "%%")):
        word = word.replace(plain, escaped)
    return f'"{word}"'
