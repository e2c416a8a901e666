"""A model's own sampling settings, from untrusted metadata to GenerationDefaults."""

from typing import Annotated

import msgspec
from msgspec import Meta

from pensieve.models.description import GenerationDefaults


class SamplingDefaults(msgspec.Struct, frozen=True):
    """The fields and their ranges; None where the model says nothing."""

    temperature: Annotated[float, Meta(ge=0, le=100)] | None = None
    top_k: int | None = None
    """Below 1: all tokens, as llama.cpp has it."""
    top_p: Annotated[float, Meta(gt=0, le=1)] | None = None
    min_p: Annotated[float, Meta(ge=0, lt=1)] | None = None
    repetition_penalty: Annotated[float, Meta(gt=0, le=100)] | None = None
    presence_penalty: Annotated[float, Meta(ge=-2, le=2)] | None = None
    frequency_penalty: Annotated[float, Meta(ge=-2, le=2)] | None = None

    def generation_defaults(self) -> GenerationDefaults:
        """Return these as the server uses them."""
        return GenerationDefaults(
            temperature=_shortest(self.temperature),
            top_k=None if self.top_k is None else max(self.top_k, 0),
            top_p=_shortest(self.top_p),
            min_p=_shortest(self.min_p),
            repetition_penalty=_shortest(self.repetition_penalty),
            presence_penalty=_shortest(self.presence_penalty),
            frequency_penalty=_shortest(self.frequency_penalty),
        )


def _shortest(value: float | None) -> float | None:
    """Return 0.95 for the 0.949999988 that a file of 32-bit floats holds for it."""
    return None if value is None else float(f"{value:.7g}")


def filled(own: GenerationDefaults, more: GenerationDefaults) -> GenerationDefaults:
    """Return the model's `own` settings, with those of `more` where it has none."""
    given = {
        name: value
        for name, value in msgspec.structs.asdict(own).items()
        if value is not None
    }
    return msgspec.structs.replace(more, **given)
