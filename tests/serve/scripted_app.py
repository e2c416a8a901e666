"""An application for gunicorn whose answers are scripts; see api/scripted.py.

What a script does is in the server's log, as `script NAME ended`, with a "!" where it
was cancelled.
"""

import asyncio
import logging
import os

from api.scripted import ScriptedPipeline, ScriptedService, closing, opening, text

from pensieve.api.app import App
from pensieve.api.event_stream import Pace
from pensieve.errors import ModelError
from pensieve.serve.settings import settings

PACE = Pace(grace_s=0.2, ping_s=0.3)

log = logging.getLogger("pensieve.scripted")


async def hello():
    for event in [*opening(), text("Hello"), text(" world"), *closing(2)]:
        yield event


async def ticks():
    """Ten words in a second."""
    for event in opening():
        yield event
    for number in range(10):
        await asyncio.sleep(0.1)
        yield text(f"tick {number} ")
    for event in closing(10):
        yield event


async def endless():
    for event in opening():
        yield event
    while True:
        await asyncio.sleep(0.05)
        yield text("tick ")


async def prefill():
    """A prompt that never ends to be read."""
    await asyncio.sleep(3600)
    yield


async def flood():
    for event in opening():
        yield event
    while True:
        await asyncio.sleep(0)
        yield text("x" * 65536)


class Pipeline(ScriptedPipeline):
    async def stream(self, request, is_background=False, figures=None):
        try:
            async for event in super().stream(request, figures=figures):
                yield event
        finally:
            log.info("script %s ended", self.ended[-1])


class Service(ScriptedService):
    def __init__(self):
        scripts = [hello, ticks, endless, prefill, flood]
        super().__init__({script.__name__: script for script in scripts})
        self.pipeline = Pipeline(self.pipeline.scripts)

    async def close(self):
        log.info("service closed")


async def open_service():
    if os.environ.get("PENSIEVE_TEST_BROKEN"):
        raise ModelError("a model that cannot be opened")
    return Service()


app = App(settings, open_service, PACE)
