"""The server over an engine without a model, for gunicorn: `app`.

All but the engine's process is what `pensieve.serve:app` is. POST /samples/begin and
/samples/end count where CPU time goes, into the file that SAMPLES_FILE names.
"""

import os
from pathlib import Path

from pensieve.api.app import App
from pensieve.api.event_stream import Pace
from pensieve.api.exchange import Receive, Scope, Send
from pensieve.api.service import Service
from pensieve.serve.settings import settings

from .cpu_samples import SAMPLES_FILE, CpuSamples
from .stand_in_engine import spawn_stand_in

samples = CpuSamples()


async def open_service() -> Service:
    """Open the model that the settings name, with the stand-in as its engine."""
    return await Service.open(settings, spawn_stand_in)


server = App(settings, open_service, Pace())


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Serve one scope, as ASGI 3 has it."""
    match scope.get("path"):
        case "/samples/begin":
            samples.begin()
        case "/samples/end":
            samples.end(Path(os.environ[SAMPLES_FILE]))
        case _:
            await server(scope, receive, send)
            return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"done"})
