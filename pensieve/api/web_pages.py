"""What web pages may do with the server: nothing, unless their origins are allowed.

A browser says in `Host` by which name it found the server, and in `Origin` which page
asks. A page whose name has been rebound to this machine's address names itself in the
one, any other page in the other; programs that are no browsers send no `Origin`.
"""

import ipaddress
from urllib.parse import urlsplit

from falcon.asgi import Request, Response

from pensieve.api.exchange import Exchange
from pensieve.config.addresses import is_loopback
from pensieve.config.schema import Settings
from pensieve.errors import InvalidRequestError, PermissionDeniedError

ANY = "*"
NULL_ORIGIN = "null"
"""Of sandboxed frames and local files, so of anybody: never part of ANY."""

PREFLIGHT_S = 600
"""How long a browser may remember a preflight's answer."""

_METHODS = b"GET, HEAD, POST, DELETE"
_SHOWN = b"request-id, retry-after, x-should-retry" + b"".join(
    f", anthropic-ratelimit-{what}-{field}".encode()
    for what in ("requests", "tokens")
    for field in ("limit", "remaining", "reset")
)
"""Headers of answers that an allowed page may read."""


class PageCheck:
    """Falcon middleware: looks at `Host` and `Origin` of every request, whatever it is.

    Args:
        settings: `host` and the allowed hosts and origins are used.
    """

    def __init__(self, settings: Settings) -> None:
        self._hosts = {settings.host.lower(), *_listed(settings.allowed_hosts)}
        self._origins = set(_listed(settings.allowed_origins))
        self._is_loopback = settings.is_loopback

    async def process_request(self, req: Request, resp: Response) -> None:
        """Let the request pass; answer a preflight of an allowed page.

        Raises:
            InvalidRequestError: it does not say for which host it is.
            PermissionDeniedError: it is for another host, or from a page that is not
                allowed.
        """
        self._check_host(req)
        origin = req.get_header("origin")
        if origin is None or _authority(origin) == _host_in(req):
            return  # no page, or a page of this very server
        if not self._allows(origin):
            raise PermissionDeniedError(
                f"origin: expected a page that allowed_origins names, got {origin}"
            )
        headers = Exchange.of(req.scope).answer_headers
        headers.append((b"access-control-allow-origin", origin.encode("latin-1")))
        headers.append((b"vary", b"origin"))
        asked_method = req.get_header("access-control-request-method")
        if req.method == "OPTIONS" and asked_method is not None:
            headers += _preflight_headers(req)
            resp.status = 204
            resp.complete = True
        else:
            headers.append((b"access-control-expose-headers", _SHOWN))

    def _check_host(self, req: Request) -> None:
        host = _host_in(req)
        if not host:
            if req.scope["http_version"] == "1.0":
                return  # before there was such a header, or browsers to be feared
            raise InvalidRequestError("host: expected the server's name, got none")
        name = _without_port(host)
        if not self._is_known(name):
            raise PermissionDeniedError(
                f"host: expected a name of this machine or one of allowed_hosts, got"
                f" {name}"
            )

    def _is_known(self, name: str) -> bool:
        if self._hosts & {name, ANY} or is_loopback(name):
            return True
        if name.endswith(".localhost"):
            return True
        # An address cannot be rebound; one of other machines only comes from there.
        return not self._is_loopback and _is_address(name)

    def _allows(self, origin: str) -> bool:
        is_of_any = ANY in self._origins and origin != NULL_ORIGIN
        return is_of_any or origin.lower() in self._origins


def _preflight_headers(req: Request) -> list[tuple[bytes, bytes]]:
    asked = req.get_header("access-control-request-headers") or ""
    headers = [
        (b"access-control-allow-methods", _METHODS),
        (b"access-control-allow-headers", asked.encode("latin-1")),
        (b"access-control-max-age", str(PREFLIGHT_S).encode()),
    ]
    if req.get_header("access-control-request-private-network") == "true":
        headers.append((b"access-control-allow-private-network", b"true"))
    return headers


def _listed(setting: str | None) -> list[str]:
    entries = (setting or "").split(",")
    return [entry.strip().lower() for entry in entries if entry.strip()]


def _host_in(req: Request) -> str:
    return (req.get_header("host") or "").lower()


def _authority(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc.lower() or None
    except ValueError:
        return None


def _without_port(host: str) -> str:
    """Return the name of `name:port` or `[address]:port`, as it is compared."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].rstrip(".")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
