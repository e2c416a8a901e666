"""Falcon, and ready bytes, steadily, for gunicorn: `make_app()`.

What a stream costs that has nothing to compute: the baseline of `bench_http_cpu`. It
answers any POST with the frames of the file that FRAMES_FILE names, one for each step,
in all streams at the same time.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
from falcon.asgi import App, Request, Response

FRAMES_FILE = "BENCH_FRAMES"


class Frames(msgspec.Struct):
    """What is sent, and how fast."""

    step_s: float
    by_max_tokens: dict[int, list[str]]


class Clock:
    """Steps that all streams wait for together, as they do for an engine's."""

    def __init__(self, step_s: float) -> None:
        self._step_s = step_s
        self._next: asyncio.Future[None] | None = None

    def next_step(self) -> "asyncio.Future[None]":
        """Return what is done at the next step."""
        if self._next is None:
            loop = asyncio.get_running_loop()
            self._next = loop.create_future()
            loop.call_later(self._step_s, self._tick)
        return self._next

    def _tick(self) -> None:
        assert self._next is not None
        self._next.set_result(None)
        self._next = None


class Stream:
    """Answers each request with the frames."""

    def __init__(self) -> None:
        written = Path(os.environ[FRAMES_FILE]).read_bytes()
        frames = msgspec.json.decode(written, type=Frames)
        self._frames = {
            name: [text.encode() for text in texts]
            for name, texts in frames.by_max_tokens.items()
        }
        self._clock = Clock(frames.step_s)

    async def on_post(self, req: Request, resp: Response) -> None:
        """Answer one request."""
        body = msgspec.json.decode(await req.stream.read())
        resp.content_type = "text/event-stream"
        resp.stream = self._sent(self._frames[body["max_tokens"]])

    async def _sent(self, frames: list[bytes]) -> AsyncIterator[bytes]:
        for frame in frames:
            await self._clock.next_step()
            yield frame


def make_app() -> App[Request, Response]:
    """Return the application."""
    app: App[Request, Response] = App()
    app.add_route("/v1/messages", Stream())
    return app
