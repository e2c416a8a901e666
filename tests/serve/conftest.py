"""Servers for tests: one for all that leave it as it was, others of their own."""

import pytest
from serve.gunicorn_server import GunicornServer


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Return a server with small limits, shared by a module's tests."""
    home = tmp_path_factory.mktemp("server")
    limits = {"header_timeout_s": 0.5, "max_connections": 4, "max_body_bytes": 65536}
    with GunicornServer(home, **limits) as server:
        yield server


@pytest.fixture
def start(own_home):
    """Return what makes a server of the test's own."""

    def start(*arguments, **settings):
        return GunicornServer(own_home, *arguments, **settings)

    return start
