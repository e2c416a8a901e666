"""The settings that hold, and where each comes from."""

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from pensieve import places
from pensieve.config.fields import FIELDS
from pensieve.config.in_file import in_file
from pensieve.config.schema import Settings
from pensieve.config.written import Found, converted, in_environment
from pensieve.errors import ConfigError
from pensieve.keys import refusal


class LoadedSettings(msgspec.Struct, frozen=True):
    """Settings, and where each came from."""

    settings: Settings
    sources: dict[str, str]
    """Name → "--port", "PENSIEVE_PORT", "/…/config.toml:3" or "default"."""


def load_settings(
    flags: Mapping[str, object] | None = None, file: Path | None = None
) -> LoadedSettings:
    """Return the settings that hold.

    Args:
        flags: by setting's name; None stands for a flag that was not given.
        file: read instead of `places.config_file()`, and must exist.

    Raises:
        ConfigError: a setting is unknown, or has a value that it cannot have.
    """
    found = in_file(file or _usual_file(), must_exist=file is not None)
    found |= in_environment(os.environ)
    for name, value in (flags or {}).items():
        if value is not None:
            found[name] = Found(name, value, flag_name(name), is_text=True)

    values = {name: converted(each) for name, each in found.items()}
    sources = {
        name: found[name].source if name in found else "default" for name in FIELDS
    }
    loaded = LoadedSettings(Settings(**values), sources)  # type: ignore[arg-type]
    _check_keys(loaded)
    _check_models(loaded)
    _check_memory(loaded)
    return loaded


def _usual_file() -> Path:
    file = places.config_file()
    twin = file.with_suffix(".json")
    if file != twin and twin.exists():
        raise ConfigError(f"{twin}: expected one settings file, got {file}, too")
    return file


def flag_name(name: str) -> str:
    """Return the setting's flag, `--max-batch-size`."""
    return "--" + name.replace("_", "-")


def _check_keys(loaded: LoadedSettings) -> None:
    """Refuse a key that cannot be sent, and a weak one where strangers can connect."""
    settings = loaded.settings
    exposed_host = None if settings.is_loopback else settings.host
    refused = refusal(settings.api_key, settings.more_api_keys, exposed_host)
    if refused is not None:
        raise ConfigError(f"{loaded.sources[refused.setting]}: {refused.why}")


def _check_models(loaded: LoadedSettings) -> None:
    """Refuse models and aliases of which it is not clear what they stand for."""
    settings = loaded.settings
    for name, read in (
        ("more_models", lambda: settings.models),
        ("model_aliases", lambda: settings.aliases),
    ):
        try:
            read()
        except ValueError as error:
            raise ConfigError(f"{loaded.sources[name]}: {name}: {error}") from error


def _check_memory(loaded: LoadedSettings) -> None:
    """Refuse thresholds of which a worse state would begin before a milder one."""
    pair = loaded.settings.memory.misplaced()
    if pair is None:
        return
    upper, lower = (f"memory_{state}_bytes" for state in pair)
    bound, got = (getattr(loaded.settings, name) for name in (upper, lower))
    source = loaded.sources[lower]
    if source == "default":
        source = loaded.sources[upper]
    raise ConfigError(
        f"{source}: {lower}: expected less than {upper}, which is {bound}, got {got}"
    )
