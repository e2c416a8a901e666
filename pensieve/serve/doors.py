"""Where gunicorn listens: refused where others can connect and the keys are too weak.

gunicorn's command line and environment go before the settings, and sockets may be
inherited from systemd, so that what the settings allow is looked at once more.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pensieve.config.addresses import is_loopback
from pensieve.config.schema import Settings
from pensieve.errors import ConfigError
from pensieve.keys import refusal

if TYPE_CHECKING:
    from gunicorn.arbiter import Arbiter


def check_bind(server: "Arbiter", settings: Settings) -> None:
    """Refuse an open door before it is opened.

    Raises:
        RuntimeError: with the reason; the only error that gunicorn tells in a line.
    """
    try:
        check_keys(settings, server.cfg.address)
    except ConfigError as error:
        raise RuntimeError(str(error)) from error


def check_listeners(server: "Arbiter", settings: Settings) -> None:
    """Refuse one that was open already; nothing is accepted there yet.

    Raises:
        RuntimeError: as above.
    """
    addresses = addresses_of(server)
    try:
        check_keys(settings, addresses)
    except ConfigError as error:
        raise RuntimeError(str(error)) from error
    ports = sorted({each[1] for each in addresses if isinstance(each, tuple)})
    if ports and settings.port not in ports:
        server.log.warning(
            "Listening on port %s, although server.port is %d: the command line or a"
            " socket unit says so",
            ", ".join(map(str, ports)),
            settings.port,
        )


def addresses_of(server: "Arbiter") -> list[Any]:
    """Return where the server listens, as sockets tell it."""
    return [listener.getsockname() for listener in server.LISTENERS]


def check_keys(settings: Settings, addresses: Iterable[Any]) -> None:
    """Refuse keys that are too weak for these addresses.

    Args:
        addresses: of a network's, host and port come first; others are this machine's.

    Raises:
        ConfigError: with the reason.
    """
    for host in sorted({each[0] for each in addresses if isinstance(each, tuple)}):
        if is_loopback(host):
            continue
        refused = refusal(settings.api_key, settings.more_api_keys, host)
        if refused is not None:
            raise ConfigError(f"bind: {refused.why}")
