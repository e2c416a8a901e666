"""`gunicorn bench.serve.stand_in_app:app`: the server, over an engine without a model.

All but the engine's process is what `pensieve.serve:app` is.
"""

from bench.serve.stand_in_engine import spawn_stand_in
from pensieve.api.app import App
from pensieve.api.event_stream import Pace
from pensieve.api.service import Service
from pensieve.serve.settings import settings


async def open_service() -> Service:
    """Open the model that the settings name, with the stand-in as its engine."""
    return await Service.open(settings, spawn_stand_in)


app = App(settings, open_service, Pace())
