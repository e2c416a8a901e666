"""Names of models as settings write them: those beside the first, and other names."""

from collections.abc import Sequence
from pathlib import PurePath


def model_list(model: str, more_models: str | None) -> list[str]:
    """Return all models, `model` first, as they are written.

    Args:
        more_models: others, with commas between them.

    Raises:
        ValueError: with what was expected and came.
    """
    names = [model]
    for name in _entries(more_models):
        if not name:
            raise ValueError("expected models with commas between them, got none there")
        if name in names:
            raise ValueError(f"expected each model once, got {name} twice")
        names.append(name)
    return names


def alias_table(model_aliases: str | None, models: Sequence[str]) -> dict[str, str]:
    """Return what other names stand for: names to models, as they are written.

    Args:
        model_aliases: `NAME=MODEL` entries with commas between them. A NAME may end in
            "*", which stands for any rest. A MODEL that is a path may be named by its
            file alone.
        models: as `model_list` returns them.

    Raises:
        ValueError: with what was expected and came.
    """
    known = {short: name for name in models for short in short_names(name)}
    aliases: dict[str, str] = {}
    for entry in _entries(model_aliases):
        name, equals, model = (part.strip() for part in entry.partition("="))
        if not (name and equals and model):
            raise ValueError(
                f"expected NAME=MODEL entries with commas between them, got {entry!r}"
            )
        if "*" in name[:-1]:
            raise ValueError(f"expected * at the end of a name at most, got {name}")
        if name in known:
            raise ValueError(f"expected names that no model has, got {name}")
        if name in aliases:
            raise ValueError(f"expected each name once, got {name} twice")
        if model not in known:
            raise ValueError(
                f"{name}: expected one of the models {', '.join(models)}, got {model}"
            )
        aliases[name] = known[model]
    return aliases


def short_names(model: str) -> list[str]:
    """Return what a model may be called that is written so: a path by its file, too."""
    path = PurePath(model)
    file = [path.stem] if path.suffix == ".gguf" else [path.name]
    return [model, *file]


def matches(pattern: str, name: str) -> bool:
    """Whether a name is the alias's NAME, or begins as one that ends in "*" does."""
    if pattern.endswith("*"):
        return name.startswith(pattern[:-1])
    return name == pattern


def _entries(text: str | None) -> list[str]:
    return [entry.strip() for entry in text.split(",")] if text else []
