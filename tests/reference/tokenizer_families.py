"""A `tokenizers.Tokenizer` of each family, its vocabulary trained on the spot.

Pre-tokenizers, normalizers and options are those of the models' own tokenizer.json.
"""

import json
from collections.abc import Callable
from functools import cache

from reference.random_texts import real_text
from reference.splitting import PATTERNS
from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

SPACE = "\u2581"
SPECIAL = ["<|im_start|>", "<|im_end|>", "<s>", "</s>"]
TOKENS = [
    *SPECIAL,
    *("<tool_call>", "</tool_call>", "\n\n", "\n\n\n", "  ", "   ", "<think>", "<thin"),
    *("<|before|>", "<|after|>", "é", "ab"),
]
"""Written into texts that are compared."""


def _with_added_tokens(tokenizer: Tokenizer, *others: AddedToken) -> Tokenizer:
    specials = [AddedToken(text, special=True, normalized=False) for text in SPECIAL]
    tokenizer.add_special_tokens(specials)
    tokenizer.add_tokens(
        [
            *(AddedToken(text, normalized=False) for text in TOKENS[4:10]),
            *(AddedToken(text, normalized=True) for text in ["<think>", "<thin"]),
            AddedToken("<|before|>", lstrip=True, normalized=False),
            AddedToken("<|after|>", rstrip=True, normalized=False),
            *others,
        ]
    )
    tokenizer.encode_special_tokens = True
    return tokenizer


def byte_level(
    *steps: pre_tokenizers.PreTokenizer,
    normalizer: normalizers.Normalizer | None = None,
    uses_regex: bool = False,
    **options: bool,
) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(**options))
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    last = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=uses_regex)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([*steps, last])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    trainer = trainers.BpeTrainer(
        vocab_size=3000,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([real_text()], trainer)
    if options.get("ignore_merges"):
        _add_whole_words(tokenizer)
    return tokenizer


def _add_whole_words(tokenizer: Tokenizer) -> None:
    """Add tokens that no merge makes, as tiktoken's vocabularies have."""
    model = json.loads(tokenizer.to_str())["model"]
    for word in ["Zyzzyva", "\u0120Zyzzyva", "\u00c3\u00a9\u00c3\u00a9"]:
        model["vocab"][word] = len(model["vocab"])
    merges = [tuple(merge) for merge in model["merges"]]
    tokenizer.model = models.BPE(model["vocab"], merges, ignore_merges=True)


def patterns(name: str, **options) -> Tokenizer:
    splits = [pre_tokenizers.Split(Regex(p), "isolated") for p in PATTERNS[name]]
    return byte_level(*splits, **options)


@cache
def _sentencepiece_tables() -> tuple[dict[str, int], list[tuple[str, str]]]:
    tokenizer = Tokenizer(models.BPE())
    # Words end where a space begins, but for the spaces after ">" (as in Gemma).
    tokenizer.pre_tokenizer = pre_tokenizers.Split(
        Regex(f"{SPACE}*[^{SPACE}\n]+|{SPACE}+|\n+"), "isolated"
    )
    byte_tokens = [f"<0x{byte:02X}>" for byte in range(256)]
    trainer = trainers.BpeTrainer(
        vocab_size=3000,
        special_tokens=["<unk>", "<s>", "</s>", *byte_tokens],
        limit_alphabet=150,
        show_progress=False,
    )
    tokenizer.train_from_iterator([real_text().replace(" ", SPACE)], trainer)
    model = json.loads(tokenizer.to_str())["model"]
    return model["vocab"], [tuple(merge) for merge in model["merges"]]


def sentencepiece(
    normalizer: normalizers.Normalizer | None,
    pre_tokenizer: pre_tokenizers.PreTokenizer | None = None,
    **options: bool | str | None,
) -> Tokenizer:
    options = {
        "unk_token": "<unk>",
        "fuse_unk": True,
        "byte_fallback": True,
        **options,
    }
    tokenizer = Tokenizer(models.BPE(*_sentencepiece_tables(), **options))
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    if pre_tokenizer is not None:
        tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 1)]
    )
    return tokenizer


def _metaspace(scheme: str) -> pre_tokenizers.PreTokenizer:
    return pre_tokenizers.Metaspace(prepend_scheme=scheme, split=False)


REPLACE = normalizers.Replace(" ", SPACE)
PREPEND = normalizers.Sequence([normalizers.Prepend(SPACE), REPLACE])
NFC = normalizers.NFC()

BUILDERS: dict[str, Callable[[], Tokenizer]] = {
    "gpt2": lambda: byte_level(uses_regex=True),
    "smollm": lambda: byte_level(
        pre_tokenizers.Digits(individual_digits=True), uses_regex=True
    ),
    "llama3": lambda: patterns("llama3", ignore_merges=True),
    "qwen2": lambda: patterns("qwen2", normalizer=NFC),
    "qwen35": lambda: patterns("qwen35", normalizer=NFC),
    "deepseek_v3": lambda: patterns("deepseek_v3", normalizer=normalizers.Sequence([])),
    "o200k": lambda: patterns("o200k"),
    "o200k, whole words": lambda: patterns("o200k", ignore_merges=True),
    "glm4": lambda: patterns("glm4", ignore_merges=True),
    "tekken": lambda: patterns("tekken", ignore_merges=True),
    "gemma3": lambda: sentencepiece(
        REPLACE, pre_tokenizers.Split(" ", "merged_with_previous")
    ),
    "llama2": lambda: sentencepiece(PREPEND),
    "mistral": lambda: sentencepiece(None, _metaspace("first")),
    "mistral, continuing": lambda: sentencepiece(None, _metaspace("never")),
    "metaspace always": lambda: sentencepiece(None, _metaspace("always")),
    "no bytes": lambda: sentencepiece(REPLACE, byte_fallback=False),
    "no bytes, single unknown": lambda: sentencepiece(
        PREPEND, byte_fallback=False, fuse_unk=False
    ),
    "no unknown": lambda: sentencepiece(REPLACE, byte_fallback=False, unk_token=None),
}


@cache
def family(name: str) -> Tokenizer:
    """Return it with added tokens, set to see text in special ones."""
    return _with_added_tokens(BUILDERS[name](), AddedToken("é", normalized=True))
