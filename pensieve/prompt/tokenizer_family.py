"""A tokenizer's description in, the arguments of `_native.bpe.Encoder` out.

The description is `tokenizers`' own JSON. A description is known only if every part of
it is: what is not listed here may mean anything.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pensieve.prompt.split_patterns import (
    DEEPSEEK_V3,
    LLAMA3,
    LLAMA3_SPELT,
    O200K,
    QWEN2,
    QWEN35,
    TEKKEN,
)

SPACE = "\u2581"
"""What SentencePiece writes for a space."""

Step = Mapping[str, Any]


class UnknownTokenizerError(Exception):
    """The native encoder does not do this; the text says what."""


SPLITTERS: Mapping[tuple[str, ...], str] = {
    (): "none",
    ("byte level",): "gpt2",
    ("digits", "byte level"): "smollm",
    (LLAMA3,): "llama3",
    (LLAMA3_SPELT,): "llama3",
    (QWEN2,): "qwen2",
    (QWEN35,): "qwen35",
    DEEPSEEK_V3: "deepseek_v3",
    (O200K,): "o200k",
    (TEKKEN,): "tekken",
}
"""By what takes the text apart, one step after the other: patterns, or names of the two
that have their own."""


class Family(NamedTuple):
    """How a tokenizer works, apart from its tokens."""

    is_nfc: bool
    """Text is composed before it is taken apart."""
    options: dict[str, Any]
    """Of `Encoder`, but for its tokens."""


def family_of(description: Mapping[str, Any]) -> Family:
    """Return what the description says.

    Raises:
        UnknownTokenizerError: some part of it is not known.
    """
    _expect_keys("tokenizer", description, _PARTS)
    if description["version"] != "1.0" or description["truncation"] is not None:
        raise UnknownTokenizerError("version or truncation")
    if description["padding"] is not None:
        raise UnknownTokenizerError("padding")
    _check_model(description["model"])
    _check_post_processor(description["post_processor"])
    normalizer = _steps(description["normalizer"], "normalizers")
    pre_tokenizer = _steps(description["pre_tokenizer"], "pretokenizers")
    decoder = _steps(description["decoder"], "decoders")
    if pre_tokenizer and pre_tokenizer[-1].get("type") == "ByteLevel":
        return _byte_level(description["model"], normalizer, pre_tokenizer, decoder)
    return _sentencepiece(description["model"], normalizer, pre_tokenizer, decoder)


_PARTS = {
    *("version", "truncation", "padding", "added_tokens", "normalizer"),
    *("pre_tokenizer", "post_processor", "decoder", "model"),
}
_MODEL_PARTS = {
    *("type", "dropout", "unk_token", "continuing_subword_prefix"),
    *("end_of_word_suffix", "fuse_unk", "byte_fallback", "ignore_merges"),
    *("vocab", "merges"),
}
_NFC: Step = {"type": "NFC"}
_REPLACE: Step = {"type": "Replace", "pattern": {"String": " "}, "content": SPACE}
_PREPEND: Step = {"type": "Prepend", "prepend": SPACE}
_SPLIT_AT_SPACES: Step = {
    "type": "Split",
    "pattern": {"String": " "},
    "behavior": "MergedWithPrevious",
    "invert": False,
}
_SENTENCEPIECE_DECODER: Sequence[Step] = [
    {"type": "Replace", "pattern": {"String": SPACE}, "content": " "},
    {"type": "ByteFallback"},
    {"type": "Fuse"},
]
_STRIP: Step = {"type": "Strip", "content": " ", "start": 1, "stop": 0}
_METASPACE_PARTS = {"type", "replacement", "prepend_scheme", "split"}
_BYTE_LEVEL_PARTS = {"type", "add_prefix_space", "trim_offsets", "use_regex"}


def _byte_level(
    model: Mapping[str, Any],
    normalizer: list[Step],
    pre_tokenizer: list[Step],
    decoder: list[Step],
) -> Family:
    if normalizer not in ([], [_NFC]):
        raise UnknownTokenizerError(f"normalizer of byte-level BPE: {normalizer}")
    if model["byte_fallback"]:
        raise UnknownTokenizerError("byte_fallback in byte-level BPE")
    if [step.get("type") for step in decoder] not in ([], ["ByteLevel"]):
        raise UnknownTokenizerError(f"decoder of byte-level BPE: {decoder}")
    *before, byte_level = pre_tokenizer
    _expect_keys("pre_tokenizer ByteLevel", byte_level, _BYTE_LEVEL_PARTS)
    if byte_level["add_prefix_space"]:
        raise UnknownTokenizerError("add_prefix_space")
    splits = tuple(map(_split_pattern, before))
    if byte_level["use_regex"]:
        splits += ("byte level",)
    if splits not in SPLITTERS:
        raise UnknownTokenizerError(f"pre_tokenizer: {splits}")
    options = {
        "splitter": SPLITTERS[splits],
        "keeps_whole": model["ignore_merges"],
    }
    return Family(normalizer == [_NFC], options)


def _split_pattern(step: Step) -> str:
    if step == {"type": "Digits", "individual_digits": True}:
        return "digits"
    pattern = step.get("pattern", {})
    rest = {"type": "Split", "behavior": "Isolated", "invert": False}
    if {**step, "pattern": None} != {**rest, "pattern": None} or [*pattern] != [
        "Regex"
    ]:
        raise UnknownTokenizerError(f"pre_tokenizer: {step}")
    found: str = pattern["Regex"]
    # Some files have their line ends written out.
    return found.replace("\r", r"\r").replace("\n", r"\n")


def _sentencepiece(
    model: Mapping[str, Any],
    normalizer: list[Step],
    pre_tokenizer: list[Step],
    decoder: list[Step],
) -> Family:
    if model["ignore_merges"]:
        raise UnknownTokenizerError("ignore_merges without byte-level BPE")
    if decoder and decoder != [*_SENTENCEPIECE_DECODER, _STRIP][: len(decoder)]:
        kinds = [step.get("type") for step in decoder]
        if kinds != ["Metaspace"]:
            raise UnknownTokenizerError(f"decoder: {decoder}")
    options: dict[str, Any] = {"has_byte_tokens": model["byte_fallback"]}
    if normalizer in ([_REPLACE], [_PREPEND, _REPLACE]):
        if pre_tokenizer not in ([], [_SPLIT_AT_SPACES]):  # none are left to split at
            raise UnknownTokenizerError(f"pre_tokenizer: {pre_tokenizer}")
        options |= {"replaces_spaces": True, "prepends": _PREPEND in normalizer}
    elif not normalizer and len(pre_tokenizer) == 1:
        options["metaspace"] = _metaspace(pre_tokenizer[0])
    else:
        raise UnknownTokenizerError(
            f"normalizer and pre_tokenizer: {normalizer}, {pre_tokenizer}"
        )
    return Family(False, options)


def _metaspace(step: Step) -> str:
    _expect_keys("pre_tokenizer", step, _METASPACE_PARTS)
    known = {"type": "Metaspace", "replacement": SPACE, "split": False}
    if any(step[name] != value for name, value in known.items()):
        raise UnknownTokenizerError(f"pre_tokenizer: {step}")
    scheme: str = step["prepend_scheme"]
    return scheme


def _check_model(model: Mapping[str, Any]) -> None:
    if model.get("type") != "BPE":
        raise UnknownTokenizerError(f"model {model.get('type')}")
    _expect_keys("model", model, _MODEL_PARTS)
    if model["dropout"] is not None:
        raise UnknownTokenizerError("dropout")
    if model["continuing_subword_prefix"] or model["end_of_word_suffix"]:
        raise UnknownTokenizerError("tokens that depend on their place in a word")


def _check_post_processor(processor: Step | None) -> None:
    """See that it adds nothing where special tokens are not asked for."""
    for step in _steps(processor, "processors"):
        if step.get("type") == "ByteLevel":
            continue
        if step.get("type") == "TemplateProcessing":
            texts = [part for part in step["single"] if "Sequence" in part]
            if [part["Sequence"]["id"] for part in texts] == ["A"]:
                continue
        raise UnknownTokenizerError(f"post_processor: {step}")


def _steps(node: Step | None, parts: str) -> list[Step]:
    """Return the steps of a sequence, and of those in it; or of the single step."""
    if node is None:
        return []
    if node.get("type") != "Sequence":
        return [node]
    _expect_keys("sequence", node, {"type", parts})
    return [step for part in node[parts] for step in _steps(part, parts)]


def _expect_keys(what: str, found: Step, expected: set[str]) -> None:
    if set(found) != expected:
        unlike = ", ".join(sorted(set(found) ^ expected))
        raise UnknownTokenizerError(f"{what}: more or less than is known: {unlike}")
