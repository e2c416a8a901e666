"""Who may use the server: the key in a request's headers, in either of the two forms.

Keys are compared in constant time and never logged.
"""

import hmac

from falcon.asgi import Request, Response

from pensieve.config import LOCAL_TOKEN, is_loopback
from pensieve.errors import AuthenticationError

_SUBSCRIPTION_PREFIX = "sk-ant-"


class KeyCheck:
    """Falcon middleware: refuses requests for resources that are not `is_public`.

    Without a key of the user's own the server listens on loopback, where any program
    may use it: the local token will do, and a key of Anthropic's that happens to be
    set. A web page must not, so that the request has to name this machine as its host
    (a page that has had its name rebound to 127.0.0.1 names itself).
    """

    def __init__(self, api_key: str | None) -> None:
        self._api_key = api_key

    async def process_resource(
        self, req: Request, resp: Response, resource: object, params: object
    ) -> None:
        """Let the request pass.

        Raises:
            AuthenticationError: it has no key, or one that this server does not take.
        """
        if getattr(resource, "is_public", False):
            return
        key = _key_in(req)
        if key is None:
            raise AuthenticationError(
                "x-api-key: expected a key, here or as `authorization: Bearer`, got"
                f" none{self._hint()}"
            )
        if not self._accepts(key):
            raise AuthenticationError(
                f"x-api-key: got a key that this server does not take{self._hint()}"
            )
        if self._api_key is None and not _names_this_machine(req.host):
            raise AuthenticationError(
                f"host: expected a name of this machine, got {req.host}; set an api_key"
                " to serve under other names"
            )

    def _accepts(self, key: str) -> bool:
        if self._api_key is not None:
            return hmac.compare_digest(key.encode(), self._api_key.encode())
        return key == LOCAL_TOKEN or key.startswith(_SUBSCRIPTION_PREFIX)

    def _hint(self) -> str:
        return f"; {LOCAL_TOKEN} will do" if self._api_key is None else ""


def _key_in(req: Request) -> str | None:
    if key := req.get_header("x-api-key"):
        return key
    scheme, _, key = (req.get_header("authorization") or "").partition(" ")
    return key.strip() or None if scheme.lower() == "bearer" else None


def _names_this_machine(host: str) -> bool:
    host = host.lower().rstrip(".")
    return is_loopback(host.strip("[]")) or host.endswith(".localhost")
