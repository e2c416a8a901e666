"""gunicorn: settings, the hardened ASGI worker, the daemon.

`pensieve.serve:app` is the ASGI application; it is made when gunicorn's worker asks.
"""

from typing import Any


def __getattr__(name: str) -> Any:
    if name != "app":
        raise AttributeError(f"module {__name__} has no attribute {name}")
    from pensieve.api.app import create_app
    from pensieve.serve.settings import settings

    return create_app(settings)
