"""Who may use the server: the key in a request's headers, in either of the two forms.

Keys are compared in constant time and never logged.
"""

import hashlib
import hmac
from collections.abc import Mapping

from falcon.asgi import Request, Response

from pensieve.api.exchange import Exchange
from pensieve.api.rate_limits import RateLimits
from pensieve.errors import AuthenticationError
from pensieve.keys import LOCAL_TOKEN

_SUBSCRIPTION_PREFIX = "sk-ant-"
LOCAL_NAME = "local"
"""What the limits call all who need no key of the user's own."""


class KeyCheck:
    """Falcon middleware: refuses requests for resources that are not `is_public`.

    Without a key of the user's own the server listens on loopback, where any program
    may use it: the local token will do, and a key of Anthropic's that happens to be
    set. Requests for resources that are `is_limited` count towards their key's limits.

    Args:
        keys: by name; empty: there are none of the user's own.
    """

    def __init__(self, keys: Mapping[str, str], limits: RateLimits) -> None:
        self._digests = {name: _digest(key) for name, key in keys.items()}
        self._limits = limits

    async def process_resource(
        self, req: Request, resp: Response, resource: object, params: object
    ) -> None:
        """Let the request pass.

        Raises:
            AuthenticationError: it has no key, or one that this server does not take.
            RateLimitError: its key has had all that it may in this minute.
        """
        if getattr(resource, "is_public", False):
            return
        key = _key_in(req)
        if key is None:
            raise AuthenticationError(
                "x-api-key: expected a key, here or as `authorization: Bearer`, got"
                f" none{self._hint()}"
            )
        name = self._name_of(key)
        if name is None:
            raise AuthenticationError(
                f"x-api-key: got a key that this server does not take{self._hint()}"
            )
        exchange = Exchange.of(req.scope)
        if len(self._digests) > 1:
            exchange.key_name = name
        if getattr(resource, "is_limited", False):
            self._limits.admit(name, exchange)

    def _name_of(self, key: str) -> str | None:
        if not self._digests:
            is_taken = key == LOCAL_TOKEN or key.startswith(_SUBSCRIPTION_PREFIX)
            return LOCAL_NAME if is_taken else None
        # All of them, and digests: neither which key it is like nor its length shows.
        digest = _digest(key)
        found = None
        for name, expected in self._digests.items():
            if hmac.compare_digest(digest, expected):
                found = name
        return found

    def _hint(self) -> str:
        return "" if self._digests else f"; {LOCAL_TOKEN} will do"


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def _key_in(req: Request) -> str | None:
    if key := req.get_header("x-api-key"):
        return key
    scheme, _, key = (req.get_header("authorization") or "").partition(" ")
    return key.strip() or None if scheme.lower() == "bearer" else None
