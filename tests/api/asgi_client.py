"""Calls an ASGI application in this process, one request at a time or many.

Unlike httpx's transport it hands out an answer piece by piece, and can leave.
"""

import asyncio
import json

KEY = {"x-api-key": "pensieve-local-token"}

BODY = {
    "model": "claude-hello",
    "max_tokens": 10,
    "messages": [{"role": "user", "content": "a private question"}],
}
STREAM = BODY | {"stream": True}


def events_of(body):
    """Return a stream's events as (name, data); every event has both lines."""
    frames = body.decode().split("\n\n")
    assert frames.pop() == ""
    events = []
    for frame in frames:
        name, data = frame.split("\n")
        assert name.startswith("event: ")
        assert data.startswith("data: ")
        events.append((name[7:], json.loads(data[6:])))
    return events


class Call:
    """A request that is being answered."""

    def __init__(self, app, method, path, chunks, headers, state):
        self.status = None
        self.headers = {}
        self.pieces = []
        self.is_complete = False
        self._chunks = list(chunks)
        self._left = asyncio.Event()
        self._news = asyncio.Event()
        path, _, query = path.partition("?")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(k.lower().encode(), v.encode()) for k, v in headers.items()],
            "server": ("127.0.0.1", 7777),
            "client": ("127.0.0.1", 50000),
            "state": state,
        }
        self.task = asyncio.create_task(app(scope, self._receive, self._send))

    @property
    def body(self):
        return b"".join(self.pieces)

    def json(self):
        return json.loads(self.body)

    def events(self):
        return events_of(self.body)

    async def pieces_until(self, count):
        """Wait for this many pieces of the body."""
        while len(self.pieces) < count:
            self._news.clear()
            await asyncio.wait_for(self._news.wait(), 5)

    def leave(self):
        """Close the connection, from the client's side."""
        self._left.set()

    async def _receive(self):
        if self._chunks:
            chunk = self._chunks.pop(0)
            if chunk is None:
                self.leave()
            else:
                more = bool(self._chunks)
                return {"type": "http.request", "body": chunk, "more_body": more}
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message):
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {k.decode(): v.decode() for k, v in message["headers"]}
        else:
            if body := message.get("body", b""):
                self.pieces.append(body)
            self.is_complete = not message.get("more_body", False)
            self._news.set()


class Client:
    """Sends requests with the local key, unless told otherwise.

    As a context it starts the application as a server does, and shuts it down.
    """

    def __init__(self, app):
        self.app = app
        self.state = {}
        self.lifespan = []
        """What the application has said of its own life."""
        self._to_app = asyncio.Queue()
        self._life = None

    async def __aenter__(self):
        await self.start()
        assert self.lifespan[-1]["type"] == "lifespan.startup.complete"
        return self

    async def __aexit__(self, *exc):
        await self.stop()

    async def start(self):
        scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": self.state}
        self._life = asyncio.create_task(self.app(scope, self._to_app.get, self._heard))
        await self._tell("lifespan.startup")

    async def stop(self):
        await self._tell("lifespan.shutdown")
        await self._life

    async def _tell(self, what):
        self._answered = asyncio.Event()
        await self._to_app.put({"type": what})
        answered = asyncio.create_task(self._answered.wait())
        await asyncio.wait({answered, self._life}, return_when="FIRST_COMPLETED")
        answered.cancel()

    async def _heard(self, message):
        self.lifespan.append(message)
        self._answered.set()

    def begin(self, method, path, body=b"", headers=None, chunks=None):
        """Send a request and return the call.

        Args:
            body: bytes, or what becomes JSON.
            chunks: pieces of a body instead; None among them: the client leaves there.
        """
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        if chunks is None:
            chunks = [body]
            length = {"content-length": str(len(body))} if body else {}
        else:
            length = {}
        headers = {"host": "127.0.0.1:7777", **length} | (
            KEY if headers is None else headers
        )
        return Call(self.app, method, path, chunks, headers, self.state)

    async def request(self, *args, **kwargs):
        """Send a request and return the call once it is answered."""
        call = self.begin(*args, **kwargs)
        await asyncio.wait_for(call.task, 10)
        return call

    async def get(self, path, **kwargs):
        return await self.request("GET", path, **kwargs)

    async def post(self, path, body=b"", **kwargs):
        return await self.request("POST", path, body, **kwargs)
