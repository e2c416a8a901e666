"""Where clients find the server, and what it serves; or will, once it is started."""

import contextlib
import sys
from collections.abc import Mapping

from pensieve.cli.claude_code.environment import Target
from pensieve.cli.server import bring_up
from pensieve.config.load import load_settings
from pensieve.config.schema import Settings
from pensieve.errors import PensieveError
from pensieve.keys import LOCAL_TOKEN
from pensieve.models import files, store
from pensieve.serve.probe import Health, ask_health


def running_target() -> Target:
    """Return the server, started if none runs.

    Raises:
        PensieveError: it cannot be started, or cannot serve.
    """
    settings = load_settings().settings
    health = ask_health(settings.base_url)
    if health is None:
        with contextlib.redirect_stdout(sys.stderr):  # stdout is the client's
            bring_up({}, foreground=False)
        health = ask_health(settings.base_url)
    if health is None or health.status == "failed":
        why = health.message if health else "nothing answers"
        raise PensieveError(f"{settings.base_url}: {why}")
    return _told(settings, health)


def target() -> Target:
    """Return the server that runs, or the one that would be started now.

    Raises:
        ModelError: none runs, and its model is not there.
    """
    settings = load_settings().settings
    health: Health | None = ask_health(settings.base_url)
    if health is not None and health.context_length:
        return _told(settings, health)
    model = files.describe(store.resolve(settings.model), settings.model)
    described = {settings.model: model}
    for name in set(settings.aliases.values()) - {settings.model}:
        described[name] = files.describe(store.resolve(name), name)
    aliases = {name: described[it].name for name, it in settings.aliases.items()}
    return _target(settings, model.name, model.context_length, aliases)


def _told(settings: Settings, health: Health) -> Target:
    return _target(settings, health.model, health.context_length, health.aliases)


def _target(
    settings: Settings, model: str, context_length: int, aliases: Mapping[str, str]
) -> Target:
    token = settings.api_key or LOCAL_TOKEN
    return Target(settings.base_url, token, model, context_length, aliases)
