"""The models that a server is asked to serve: checked, and named from anywhere."""

from pathlib import Path

import msgspec

from pensieve.config.schema import Settings
from pensieve.serve.preflight import check_model


def with_models(settings: Settings) -> Settings:
    """Check that the models can be served; paths become absolute.

    Raises:
        PensieveError: one is not there, of a kind that Pensieve does not run, or larger
            than this machine's memory.
    """
    found = {model: _found(model) for model in settings.models}
    main, *more = found.values()
    aliases = [f"{name}={found[model]}" for name, model in settings.aliases.items()]
    return msgspec.structs.replace(
        settings,
        model=main,
        more_models=", ".join(more) or None,
        model_aliases=", ".join(aliases) or None,
    )


def _found(model: str) -> str:
    """Check that a model can be served; return its name, or its absolute path."""
    path = check_model(model)
    given = Path(model).expanduser()
    is_path = given.exists() and given.samefile(path)
    return str(given.absolute()) if is_path else model


def made_absolute(
    given: Settings, settings: Settings, flags: dict[str, str | int]
) -> dict[str, str | int]:
    """Return as flags what names models by paths of this folder, and no longer does.

    The server runs elsewhere, and so may be who restarts it.
    """
    absolute: dict[str, str | int] = {}
    if "model" in flags or settings.model != given.model:
        absolute["model"] = settings.model
    if settings.more_models and settings.models[1:] != given.models[1:]:
        absolute["more_models"] = settings.more_models
    if settings.model_aliases and settings.aliases != given.aliases:
        absolute["model_aliases"] = settings.model_aliases
    return absolute
