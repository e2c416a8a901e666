"""The application over scripted answers, and a client in the same process."""

import pytest
from api.asgi_client import Client
from api.scripted import ScriptedService, closing, opening, text

from pensieve.api.app import App
from pensieve.api.event_stream import Pace
from pensieve.config.schema import Settings

MAX_BODY_BYTES = 4096


async def hello():
    for event in [*opening(), text("Hello"), text(" world"), *closing(2)]:
        yield event


@pytest.fixture
def service(own_home):
    return ScriptedService({"hello": hello})


@pytest.fixture
def make_client(service):
    """Return what makes a client of an application with these settings."""

    def make(pace=None, **settings):
        async def open_service():
            return service

        settings = Settings(max_body_bytes=MAX_BODY_BYTES, **settings)
        app = App(settings, open_service, pace or Pace(grace_s=0.05, ping_s=0.05))
        return Client(app)

    return make


@pytest.fixture
async def client(make_client):
    """Return a client of the application with default settings."""
    async with make_client() as client:
        yield client
