"""A model folder in Hugging Face or MLX form in, its ModelDescription out.

Whether mlx-lm has the architecture is for the engine to say, which loads it.
"""

from pathlib import Path
from typing import TypeVar

from pensieve.errors import ModelError
from pensieve.models.description import ModelDescription
from pensieve.models.file_times import modified_at
from pensieve.models.folder_files import (
    Config,
    GenerationConfig,
    NamedTemplate,
    TemplateFile,
    Tokenizer,
    TokenizerConfig,
    TokenText,
    WeightIndex,
)
from pensieve.models.json_file import read_json, read_text, read_tokenizer_json

WEIGHTS_PATTERN = "model*.safetensors"
"""The files that mlx-lm loads."""

UNSTATED_CONTEXT_LENGTH = 32_768
"""Tokens, for state-space models, whose configuration has no limit."""

T = TypeVar("T")


def describe_folder(path: Path) -> ModelDescription:
    """Say what the folder holds.

    Raises:
        ModelError: a file that is needed is missing, or one is not as expected.
        OSError: the folder cannot be read.
    """
    for needed in ("config.json", "tokenizer.json"):
        if not (path / needed).is_file():
            raise ModelError(f"{path}: expected a model folder, got no {needed}")
    config = read_json(path / "config.json", Config)
    _check_weights(path)
    generation = _read(path / "generation_config.json", GenerationConfig)
    names = _read(path / "tokenizer_config.json", TokenizerConfig)
    tokenizer = read_tokenizer_json(path / "tokenizer.json", Tokenizer)
    bos_token, eos_token = _text(names.bos_token), _text(names.eos_token)
    return ModelDescription(
        name=path.absolute().name,
        path=path,
        format="folder",
        architecture=config.model_type,
        context_length=_context_length(config),
        created_at=modified_at((path / "config.json").stat()),
        chat_template=_chat_template(path, names),
        bos_token=bos_token,
        eos_token=eos_token,
        add_bos_token=_adds_bos(names, bos_token, tokenizer),
        end_token_ids=_end_token_ids(config, generation, eos_token, tokenizer),
        defaults=generation.generation_defaults(),
        size_bytes=_size_bytes(path),
    )


def _read(path: Path, type: type[T]) -> T:
    """Return the file's JSON, or what an empty object stands for if there is none."""
    return read_json(path, type) if path.exists() else type()


def _text(token: str | TokenText | None) -> str | None:
    return token.content if isinstance(token, TokenText) else token


def _size_bytes(path: Path) -> int:
    return sum(file.stat().st_size for file in path.iterdir() if file.is_file())


def _check_weights(path: Path) -> None:
    files = {file.name for file in path.glob(WEIGHTS_PATTERN)}
    if not files:
        raise ModelError(f"{path}: expected {WEIGHTS_PATTERN} files, got none")
    index = path / "model.safetensors.index.json"
    missing = set(_read(index, WeightIndex).weight_map.values()) - files
    if missing:
        raise ModelError(f"{index}: expected {min(missing)!r} beside it, got none")


def _context_length(config: Config) -> int:
    nested = config.text_config.context_length() if config.text_config else None
    return config.context_length() or nested or UNSTATED_CONTEXT_LENGTH


def _chat_template(path: Path, names: TokenizerConfig) -> str | None:
    """Return the template of the first place that has one, newest form first."""
    file = path / "chat_template.jinja"
    if file.exists():
        return read_text(file)
    file = path / "chat_template.json"
    if file.exists():
        return _default_template(file, read_json(file, TemplateFile).chat_template)
    return _default_template(path / "tokenizer_config.json", names.chat_template)


def _default_template(
    file: Path, templates: str | list[NamedTemplate] | None
) -> str | None:
    if not isinstance(templates, list):
        return templates
    by_name = {each.name: each.template for each in templates}
    if "default" in by_name or len(by_name) == 1:
        return by_name.get("default") or next(iter(by_name.values()))
    got = ", ".join(map(repr, by_name)) or "none"
    raise ModelError(f"{file}: chat_template: expected one named 'default', got {got}")


def _adds_bos(
    names: TokenizerConfig, bos_token: str | None, tokenizer: Tokenizer
) -> bool:
    """Say whether a plain text gets bos: as stated, else as the tokenizer does it."""
    if bos_token is None:
        return False
    if names.add_bos_token is not None:
        return names.add_bos_token
    processor = tokenizer.post_processor
    return processor is not None and processor.first_token() == bos_token


def _end_token_ids(
    config: Config,
    generation: GenerationConfig,
    eos_token: str | None,
    tokenizer: Tokenizer,
) -> list[int]:
    """Return the ids that any of the files names, ascending."""
    found: set[int] = set()
    for stated in (generation, config, config.text_config):
        token_id = stated.eos_token_id if stated else None
        if token_id is not None:
            found.update(token_id if isinstance(token_id, list) else [token_id])
    found.update(
        each.id for each in tokenizer.added_tokens if each.content == eos_token
    )
    return sorted(found)
