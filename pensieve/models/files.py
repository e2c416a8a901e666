"""A model's path in, its ModelDescription out, whatever its form."""

from pathlib import Path

import msgspec

from pensieve.errors import ModelError
from pensieve.models.aliases import ALIASES
from pensieve.models.description import ModelDescription
from pensieve.models.folder import describe_folder
from pensieve.models.gguf import describe_gguf
from pensieve.models.names import local_path
from pensieve.models.sampling_defaults import filled


def describe(path: Path, name: str | None = None) -> ModelDescription:
    """Say what the model at `path`, a .gguf file or a folder, is.

    Args:
        path: as `store.resolve` returns it.
        name: what the person called it. An alias brings its generation defaults. None,
            or a path, names the model by its file.

    Raises:
        ModelError: there is none, it is damaged, or Pensieve does not run its kind.
    """
    try:
        if path.is_dir():
            description = describe_folder(path)
        elif path.is_file():
            description = describe_gguf(path)
        else:
            raise ModelError(f"{path}: expected a .gguf file or a folder, got neither")
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror or error}") from error

    if name is None or local_path(name) == local_path(str(path)):
        return description
    alias = ALIASES.get(name)
    defaults = description.defaults
    return msgspec.structs.replace(
        description,
        name=name,
        defaults=filled(defaults, alias.defaults) if alias else defaults,
    )
