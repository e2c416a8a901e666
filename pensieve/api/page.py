"""GET / and /page/NAME: the page that shows what runs, and lets people try the model.

It is files as they are, without secrets: what it shows, it asks for with a key.
"""

from importlib import resources
from importlib.resources.abc import Traversable

import falcon
from falcon.asgi import Request, Response

from pensieve import __version__
from pensieve.errors import NotFoundError

MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]
)
"""Nothing but the server's own files, none of it inline, and no markup from text."""

_HEADERS = {
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


class Root:
    """Says what listens here: to browsers as a page, to all others as JSON.

    Claude Code asks with HEAD before its first request.
    """

    is_public = True

    def __init__(self) -> None:
        self._page = (_folder() / "index.html").read_bytes()

    async def on_get(self, req: Request, resp: Response) -> None:
        """Answer with the page, or with name and version."""
        resp.append_header("vary", "accept")
        if _wants_html(req):
            _answer(resp, self._page, MEDIA_TYPES[".html"])
        else:
            resp.media = {"name": "pensieve", "version": __version__}

    on_head = on_get


class PageFiles:
    """The files that the page is made of."""

    is_public = True

    def __init__(self) -> None:
        self._files = {
            file.name: (file.read_bytes(), MEDIA_TYPES[_suffix(file)])
            for file in _folder().iterdir()
            if _suffix(file) in MEDIA_TYPES
        }

    async def on_get(self, req: Request, resp: Response, name: str) -> None:
        """Answer with the file of this name.

        Raises:
            NotFoundError: the page has none.
        """
        if name not in self._files:
            raise NotFoundError(f"page: expected one of its files, got {name}")
        _answer(resp, *self._files[name])

    on_head = on_get


def _folder() -> Traversable:
    return resources.files("pensieve.api") / "static"


def _suffix(file: Traversable) -> str:
    return "." + file.name.rpartition(".")[2]


def _wants_html(req: Request) -> bool:
    """Whether HTML is asked for by its name; who takes anything gets JSON."""
    types = (falcon.MEDIA_JSON, falcon.MEDIA_HTML)
    return "text/html" in req.accept and req.client_prefers(types) == types[1]


def _answer(resp: Response, content: bytes, media_type: str) -> None:
    resp.content_type = media_type
    resp.cache_control = ["no-cache"]
    resp.set_headers(_HEADERS)
    resp.data = content
