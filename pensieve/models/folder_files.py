"""What is read of the JSON files in a model folder; the types are the validation.

Field names are those of transformers' config.json, generation_config.json and
tokenizer_config.json, and of tokenizers' tokenizer.json.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from pensieve.models.description import GenerationDefaults
from pensieve.models.sampling_defaults import SamplingDefaults

Length = Annotated[int, Meta(ge=1)]
TokenId = Annotated[int, Meta(ge=0)]


class TextConfig(msgspec.Struct, frozen=True):
    """What config.json says of its language model, at the top or in `text_config`."""

    max_position_embeddings: Length | None = None
    n_positions: Length | None = None
    max_seq_len: Length | None = None
    max_sequence_length: Length | None = None
    max_context_length: Length | None = None
    eos_token_id: TokenId | list[TokenId] | None = None

    def context_length(self) -> int | None:
        """Return the limit, under whichever name the architecture has it."""
        return (
            self.max_position_embeddings
            or self.n_positions
            or self.max_seq_len
            or self.max_sequence_length
            or self.max_context_length
        )


class Config(TextConfig, frozen=True, kw_only=True):
    """config.json."""

    model_type: Annotated[str, Meta(pattern="^[A-Za-z0-9_.-]+$")]
    """mlx-lm takes it for the name of a module."""
    text_config: TextConfig | None = None


class WeightIndex(msgspec.Struct, frozen=True):
    """model.safetensors.index.json: each tensor's file."""

    weight_map: dict[str, str] = {}


class GenerationConfig(SamplingDefaults, frozen=True):
    """generation_config.json."""

    do_sample: bool | None = None
    eos_token_id: TokenId | list[TokenId] | None = None

    def generation_defaults(self) -> GenerationDefaults:
        """Return the settings; a model that says not to sample is greedy."""
        settings = super().generation_defaults()
        if self.do_sample is False:
            return GenerationDefaults(
                temperature=0.0, repetition_penalty=settings.repetition_penalty
            )
        return settings


class TokenText(msgspec.Struct, frozen=True):
    """A token written as an object."""

    content: str


class NamedTemplate(msgspec.Struct, frozen=True):
    """One of several chat templates."""

    name: str
    template: str


class TokenizerConfig(msgspec.Struct, frozen=True):
    """tokenizer_config.json."""

    bos_token: str | TokenText | None = None
    eos_token: str | TokenText | None = None
    add_bos_token: bool | None = None
    chat_template: str | list[NamedTemplate] | None = None


class TemplateFile(msgspec.Struct, frozen=True):
    """chat_template.json."""

    chat_template: str | list[NamedTemplate]


class AddedToken(msgspec.Struct, frozen=True):
    """A token beside the vocabulary."""

    id: TokenId
    content: str


class TokenName(msgspec.Struct, frozen=True):
    """A token in a post-processor's template, by its text."""

    id: str


class TemplatePiece(msgspec.Struct, frozen=True):
    """A token, or the place of the text."""

    special_token: TokenName | None = msgspec.field(default=None, name="SpecialToken")


class PostProcessor(msgspec.Struct, frozen=True):
    """What is done to tokens after encoding: a template, or several processors."""

    single: list[TemplatePiece] = []
    processors: list["PostProcessor"] = []

    def first_token(self) -> str | None:
        """Return the text of the token that is put before a prompt."""
        if self.single and self.single[0].special_token:
            return self.single[0].special_token.id
        inner = (processor.first_token() for processor in self.processors)
        return next((token for token in inner if token is not None), None)


class Tokenizer(msgspec.Struct, frozen=True):
    """tokenizer.json."""

    added_tokens: list[AddedToken] = []
    post_processor: PostProcessor | None = None
