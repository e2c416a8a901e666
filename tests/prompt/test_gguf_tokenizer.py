import io
import unicodedata

import msgspec
import pytest
import sentencepiece
from hypothesis import given
from reference import byte_level_bpe, sentencepiece_model
from reference.texts import ANY, VARIED
from sentencepiece import sentencepiece_model_pb2
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from pensieve.errors import ModelError
from pensieve.models.description import GgufVocabulary
from pensieve.prompt import gguf_tokenizer

ASSIGNED = ANY.map(
    lambda text: "".join(char for char in text if unicodedata.category(char) != "Cn")
)
"""Text without the newest characters, of which libraries know different ones."""

LLAMA3 = (
    r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"
    r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
TEKKEN = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
GPT4O = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def ids(tokenizer: Tokenizer, text: str) -> list[int]:
    return tokenizer.encode(text, add_special_tokens=False).ids


@pytest.fixture(scope="module")
def small_vocabulary():
    """Bytes and some 700 merges across word, digit and space boundaries."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split("\x00", "removed"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=1000,
        min_frequency=2,
        initial_alphabet=byte_level_bpe.alphabet(),
        show_progress=False,
    )
    # Short pieces, or the merges would be whole sentences.
    corpus = [text[start : start + 6] for text in VARIED for start in range(len(text))]
    tokenizer.train_from_iterator(corpus, trainer)
    tokens = sorted(tokenizer.get_vocab(), key=tokenizer.token_to_id)
    merges = msgspec.json.decode(tokenizer.to_str())["model"]["merges"]
    return GgufVocabulary(
        model="gpt2",
        pre="default",
        tokens=tokens,
        token_types=[gguf_tokenizer.NORMAL] * len(tokens),
        merges=[" ".join(merge) for merge in merges],
        scores=[],
    )


@pytest.fixture(scope="module")
def llama_vocabulary():
    """A small model that SentencePiece trained, with its space before a text."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(VARIED[-1].splitlines() + VARIED[9:18]),
        model_writer=model,
        model_type="bpe",
        vocab_size=600,
        byte_fallback=True,
        character_coverage=0.98,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        minloglevel=2,
    )
    proto = sentencepiece_model_pb2.ModelProto.FromString(model.getvalue())
    return GgufVocabulary(
        model="llama",
        pre="default",
        tokens=[piece.piece for piece in proto.pieces],
        token_types=[piece.type for piece in proto.pieces],
        merges=[],
        scores=[piece.score for piece in proto.pieces],
        unknown_token_id=proto.trainer_spec.unk_id,
        add_space_prefix=True,
    )


def without_special_tokens(vocabulary):
    """Text that SentencePiece does not take for more than text, either."""
    special = ["\u2581"]
    for token, kind in zip(vocabulary.tokens, vocabulary.token_types, strict=True):
        if kind in (gguf_tokenizer.CONTROL, gguf_tokenizer.UNKNOWN):
            special.append(token)
    return ANY.filter(lambda text: not any(token in text for token in special))


@pytest.mark.parametrize("text", VARIED)
def test_smollm2_is_the_reference(smollm2_vocabulary, smollm2_backend, text):
    expected = byte_level_bpe.encode(
        text,
        smollm2_vocabulary.tokens,
        smollm2_vocabulary.merges,
        byte_level_bpe.SMOLLM,
    )

    assert ids(smollm2_backend, text) == expected


@pytest.mark.parametrize(
    ("pre", "patterns"),
    [
        ("default", [byte_level_bpe.GPT2]),
        ("gpt-2", [byte_level_bpe.GPT2]),
        ("smollm", byte_level_bpe.SMOLLM),
        ("llama3", [LLAMA3]),
        ("llama-v3", [LLAMA3]),
        ("llama-bpe", [LLAMA3]),
        ("smaug-bpe", [LLAMA3]),
        ("dbrx", [LLAMA3]),
        ("tekken", [TEKKEN]),
        ("gpt-4o", [GPT4O]),
    ],
)
def test_each_splitting_is_the_reference(small_vocabulary, pre, patterns):
    vocabulary = msgspec.structs.replace(small_vocabulary, pre=pre)
    tokenizer = gguf_tokenizer.build(vocabulary, "llama")

    @given(ASSIGNED)
    def check(text):
        assert ids(tokenizer, text) == byte_level_bpe.encode(
            text, vocabulary.tokens, vocabulary.merges, patterns
        )

    check()


@pytest.mark.parametrize("pre", ["qwen2", "deepseek-r1-qwen"])
def test_qwen_is_hugging_faces(small_vocabulary, pre):
    from transformers import Qwen2Tokenizer

    vocabulary = msgspec.structs.replace(small_vocabulary, pre=pre)
    tokenizer = gguf_tokenizer.build(vocabulary, "qwen2")
    reference = Qwen2Tokenizer(
        vocab={token: index for index, token in enumerate(vocabulary.tokens)},
        merges=[tuple(merge.split(" ")) for merge in vocabulary.merges],
    )

    @given(ASSIGNED)
    def check(text):
        assert ids(tokenizer, text) == reference.encode(text, add_special_tokens=False)

    check()


def test_every_splitting_is_compared():
    compared = "default gpt-2 smollm llama3 llama-v3 llama-bpe smaug-bpe dbrx tekken"
    compared += " gpt-4o qwen2 deepseek-r1-qwen"

    assert set(gguf_tokenizer.SPLITTINGS) == set(compared.split())


@pytest.mark.parametrize(("pre", "keeps"), [("llama-bpe", True), ("qwen2", False)])
def test_a_word_without_merges_is_a_token_only_for_some(small_vocabulary, pre, keeps):
    vocabulary = msgspec.structs.replace(
        small_vocabulary,
        pre=pre,
        tokens=[*small_vocabulary.tokens, "Zyzzyva"],
        token_types=[*small_vocabulary.token_types, gguf_tokenizer.NORMAL],
    )

    tokenizer = gguf_tokenizer.build(vocabulary, "llama")

    assert (len(ids(tokenizer, "Zyzzyva")) == 1) is keeps


@pytest.mark.parametrize("text", VARIED)
def test_gemma3_is_sentencepiece(gemma3_vocabulary, gemma3_backend, text):
    reference = _gemma3_reference(gemma3_vocabulary)

    assert ids(gemma3_backend, text) == reference.encode(text)


def test_gemma3_is_sentencepiece_on_any_text(gemma3_vocabulary, gemma3_backend):
    reference = _gemma3_reference(gemma3_vocabulary)

    @given(without_special_tokens(gemma3_vocabulary))
    def check(text):
        assert ids(gemma3_backend, text) == reference.encode(text)

    check()


_references = {}


def _gemma3_reference(vocabulary):
    if "gemma3" not in _references:
        _references["gemma3"] = sentencepiece_model.processor(vocabulary)
    return _references["gemma3"]


def test_a_literal_run_of_sentencepiece_spaces_is_a_token_as_with_hugging_face(
    gemma3_backend,
):
    assert ids(gemma3_backend, "\u2581\u2581") == ids(gemma3_backend, "  ")


@pytest.mark.parametrize("architecture", ["llama", "phi3"])
def test_a_llama_vocabulary_is_sentencepiece(llama_vocabulary, architecture):
    tokenizer = gguf_tokenizer.build(llama_vocabulary, architecture)
    reference = sentencepiece_model.processor(llama_vocabulary)

    @given(without_special_tokens(llama_vocabulary))
    def check(text):
        assert ids(tokenizer, text) == reference.encode(text)

    check()


def test_text_after_a_special_token_has_the_space_before_it_too(llama_vocabulary):
    tokenizer = gguf_tokenizer.build(llama_vocabulary, "llama")

    assert ids(tokenizer, "<s>the") == [
        tokenizer.token_to_id("<s>"),
        *ids(tokenizer, "the"),
    ]


@pytest.mark.parametrize(("architecture", "strips"), [("phi3", True), ("llama", False)])
def test_phi3s_control_tokens_take_the_space_after_them(
    llama_vocabulary, architecture, strips
):
    vocabulary = msgspec.structs.replace(
        llama_vocabulary,
        tokens=[*llama_vocabulary.tokens, "<|end|>"],
        token_types=[*llama_vocabulary.token_types, gguf_tokenizer.CONTROL],
        scores=[*llama_vocabulary.scores, 0.0],
    )
    tokenizer = gguf_tokenizer.build(vocabulary, architecture)

    with_space = ids(tokenizer, "<|end|>\n the")
    without = ids(tokenizer, "<|end|>the")

    assert (with_space == without) is strips
    assert ids(tokenizer, "<s>\n the") != ids(tokenizer, "<s>the")


def test_special_tokens_are_never_made_of_text(llama_vocabulary):
    tokenizer = gguf_tokenizer.build(llama_vocabulary, "llama")
    tokenizer.encode_special_tokens = True
    special = {tokenizer.token_to_id(token) for token in ["<s>", "</s>", "<0x41>"]}

    assert special.isdisjoint(ids(tokenizer, "<s> </s> <0x41>"))


def test_user_defined_tokens_are_found_in_text(small_vocabulary):
    vocabulary = msgspec.structs.replace(
        small_vocabulary,
        tokens=[*small_vocabulary.tokens, "<think>"],
        token_types=[*small_vocabulary.token_types, gguf_tokenizer.USER_DEFINED],
    )
    tokenizer = gguf_tokenizer.build(vocabulary, "qwen2")
    tokenizer.encode_special_tokens = True

    think = len(small_vocabulary.tokens)

    assert ids(tokenizer, "a<think>b") == [
        *ids(tokenizer, "a"),
        think,
        *ids(tokenizer, "b"),
    ]


def test_a_splitting_that_is_not_known_is_refused_by_name(small_vocabulary):
    vocabulary = msgspec.structs.replace(small_vocabulary, pre="bloom")

    with pytest.raises(ModelError, match=r"tokenizer\.ggml\.pre: .* got 'bloom'"):
        gguf_tokenizer.build(vocabulary, "llama")


def test_merges_of_tokens_that_there_are_not_are_refused(small_vocabulary):
    vocabulary = msgspec.structs.replace(
        small_vocabulary, merges=[*small_vocabulary.merges, "qqq qqq"]
    )

    with pytest.raises(ModelError, match=r"tokenizer\.ggml\.merges: .*qqq"):
        gguf_tokenizer.build(vocabulary, "llama")
