"""A GGUF file's vocabulary in, a `tokenizers.Tokenizer` out.

The file has the tokens, and for byte-level BPE the merges, but names only how text is
split before: the names are those of llama.cpp (src/llama-vocab.cpp), the splits those
of the models' own tokenizer.json.
"""

from typing import Any, NamedTuple

from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
)

from pensieve.errors import ModelError
from pensieve.models.description import GgufVocabulary
from pensieve.prompt.split_patterns import LLAMA3, O200K, QWEN2, TEKKEN

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)
"""Token types of a GGUF file."""

SPACE = "\u2581"
"""What SentencePiece writes for a space."""


class Splitting(NamedTuple):
    """How a byte-level tokenizer takes text apart before merging."""

    pattern: str | None
    """None: GPT-2's."""
    isolates_digits: bool = False
    is_nfc: bool = False
    """Unicode is composed first."""
    keeps_known_words: bool = False
    """A word that is a token is one, whatever its merges say."""


SPLITTINGS = {
    "default": Splitting(None),
    "gpt-2": Splitting(None),
    "smollm": Splitting(None, isolates_digits=True),
    "llama3": Splitting(LLAMA3, keeps_known_words=True),
    "llama-v3": Splitting(LLAMA3, keeps_known_words=True),
    "llama-bpe": Splitting(LLAMA3, keeps_known_words=True),
    "smaug-bpe": Splitting(LLAMA3),
    "dbrx": Splitting(LLAMA3),
    "qwen2": Splitting(QWEN2, is_nfc=True),
    "deepseek-r1-qwen": Splitting(QWEN2, is_nfc=True),
    "tekken": Splitting(TEKKEN, keeps_known_words=True),
    "gpt-4o": Splitting(O200K),
}
"""By `tokenizer.ggml.pre`."""


def build(vocabulary: GgufVocabulary, architecture: str) -> Tokenizer:
    """Return the tokenizer.

    Args:
        vocabulary: checked by models.gguf; its lists agree in length.
        architecture: `general.architecture` of the file.

    Raises:
        ModelError: a pre-tokenizer that is not known, or tables that do not agree.
    """
    if vocabulary.model == "gpt2":
        tokenizer = _byte_level(vocabulary)
    else:
        tokenizer = _sentencepiece(vocabulary)
    strips_after = vocabulary.model == "llama" and architecture == "phi3"
    _add_special_tokens(tokenizer, vocabulary, strips_after)
    return tokenizer


def check_known(model: str, pre: str | None) -> None:
    """Check that there is a splitting for a byte-level vocabulary.

    Args:
        model: `tokenizer.ggml.model`.
        pre: `tokenizer.ggml.pre`.

    Raises:
        ModelError: there is none.
    """
    if model == "gpt2" and (pre or "default") not in SPLITTINGS:
        expected = ", ".join(sorted(SPLITTINGS))
        raise ModelError(f"tokenizer.ggml.pre: expected one of {expected}, got {pre!r}")


def _byte_level(vocabulary: GgufVocabulary) -> Tokenizer:
    check_known(vocabulary.model, vocabulary.pre)
    splitting = SPLITTINGS[vocabulary.pre]
    merges = [_pair(merge) for merge in vocabulary.merges]
    tokenizer = _bpe(
        vocabulary.tokens, merges, ignore_merges=splitting.keeps_known_words
    )
    if splitting.is_nfc:
        tokenizer.normalizer = normalizers.NFC()
    steps: list[pre_tokenizers.PreTokenizer] = []
    if splitting.isolates_digits:
        steps.append(pre_tokenizers.Digits(individual_digits=True))
    if splitting.pattern is not None:
        steps.append(pre_tokenizers.Split(Regex(splitting.pattern), "isolated"))
    steps.append(
        pre_tokenizers.ByteLevel(
            add_prefix_space=False, use_regex=splitting.pattern is None
        )
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(steps)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _sentencepiece(vocabulary: GgufVocabulary) -> Tokenizer:
    """Return SentencePiece's BPE, with bytes for what has no token."""
    unknown = vocabulary.unknown_token_id
    tokens = _as_normalized(vocabulary)
    tokenizer = _bpe(
        tokens,
        _merges_by_score(tokens, vocabulary.token_types, vocabulary.scores),
        fuse_unk=True,
        byte_fallback=True,
        unk_token=None if unknown is None else tokens[unknown],
    )
    spaces = normalizers.Replace(" ", SPACE)
    decoding = [decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse()]
    if vocabulary.add_space_prefix:
        tokenizer.normalizer = normalizers.Sequence(
            [normalizers.Prepend(SPACE), spaces]
        )
        decoding.append(decoders.Strip(content=" ", left=1))
    else:
        tokenizer.normalizer = spaces
    tokenizer.decoder = decoders.Sequence(decoding)
    return tokenizer


def _merges_by_score(
    tokens: list[str], token_types: list[int], scores: list[float]
) -> list[tuple[str, str]]:
    """Return every way to make a token of two others, the best result first.

    SentencePiece keeps no merges: it joins the two neighbours whose result scores
    highest. Runs of spaces are user-defined, with a score that says nothing, and come
    before all words. Other special tokens are never made of text.
    """
    ranks = {
        token: (token_type != USER_DEFINED, -score)
        for token, token_type, score in zip(tokens, token_types, scores, strict=True)
        if token_type == NORMAL
        or (token_type == USER_DEFINED and not token.strip(SPACE))
    }
    merges = [
        (rank, -cut, cut - len(token), token[:cut], token[cut:])
        for token, rank in ranks.items()
        for cut in range(1, len(token))
        if token[:cut] in ranks and token[cut:] in ranks
    ]
    merges.sort(key=lambda merge: merge[:3])
    return [(left, right) for *_, left, right in merges]


def _bpe(tokens: list[str], merges: list[tuple[str, str]], **options: Any) -> Tokenizer:
    vocab = {token: token_id for token_id, token in enumerate(tokens)}
    try:
        return Tokenizer(models.BPE(vocab=vocab, merges=merges, **options))
    except Exception as error:  # tokenizers raises nothing narrower
        raise ModelError(f"tokenizer.ggml.merges: {error}") from error


def _pair(merge: str) -> tuple[str, str]:
    cut = merge.index(" ", 1)  # the left side may itself begin with a space
    return merge[:cut], merge[cut + 1 :]


def _as_normalized(vocabulary: GgufVocabulary) -> list[str]:
    """Return the tokens as text is after the normalizer.

    Gemma's files have SentencePiece's spaces everywhere but in runs of spaces.
    """
    if vocabulary.model != "llama":
        return vocabulary.tokens
    rows = zip(vocabulary.tokens, vocabulary.token_types, strict=True)
    return [
        SPACE * len(token)
        if token_type == USER_DEFINED and not token.strip(" ")
        else token
        for token, token_type in rows
    ]


def _add_special_tokens(
    tokenizer: Tokenizer, vocabulary: GgufVocabulary, strips_after: bool
) -> None:
    """Have control tokens and user-defined ones found whole, wherever they stand.

    Args:
        strips_after: white space after a control token belongs to it. (So it is with
            Phi-3's, but for those that stand for a text.)
    """
    control, user_defined = [], []
    for token, token_type in zip(
        _as_normalized(vocabulary), vocabulary.token_types, strict=True
    ):
        if token_type in (CONTROL, UNKNOWN):
            strips = strips_after and token not in ("<s>", "<unk>", "<|endoftext|>")
            control.append(
                AddedToken(token, special=True, normalized=False, rstrip=strips)
            )
        elif token_type == USER_DEFINED:
            user_defined.append(AddedToken(token, normalized=False))
    tokenizer.add_special_tokens(control)
    tokenizer.add_tokens(user_defined)
