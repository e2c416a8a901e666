import logging

import pytest
from hypothesis import given, settings
from reference.texts import ANY, VARIED
from reference.tokenizer_families import BUILDERS, family
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers

from pensieve.errors import InvalidRequestError
from pensieve.prompt.text_encoder import TextEncoder


def unigram() -> Tokenizer:
    pieces = [("<unk>", 0.0), *((char, -5.0) for char in "</s>ab")]
    return Tokenizer(models.Unigram(pieces, unk_id=0))


@pytest.mark.parametrize("name", BUILDERS)
def test_known_tokenizers_are_encoded_natively_and_nothing_is_said(name, caplog):
    with caplog.at_level(logging.DEBUG):
        encoder = TextEncoder(family(name), frozenset())

    assert encoder.is_native
    assert caplog.messages == []


def test_others_are_served_by_tokenizers_and_one_line_says_so(caplog):
    with caplog.at_level(logging.INFO):
        encoder = TextEncoder(unigram(), frozenset())

    assert not encoder.is_native
    assert caplog.messages == [
        "tokenizers encodes for this model, more slowly: model Unigram"
    ]
    assert encoder.encode("a</s>b").tolist() == [5, 1, 2, 3, 4, 6]
    assert encoder.count("a</s>b") == 6


def test_what_tokenizers_panics_at_is_refused():
    backend = unigram()
    backend.pre_tokenizer = pre_tokenizers.Split(Regex(r"(x+x+)+y"), "isolated")
    encoder = TextEncoder(backend, frozenset())
    assert encoder.count("ab") == 2

    with pytest.raises(InvalidRequestError, match="a text of 60 characters is more"):
        encoder.encode("x" * 60)


@pytest.mark.parametrize("backend", [lambda: family("qwen2"), unigram])
@pytest.mark.parametrize("text", ["\ud800", "a\udfff" * 2000])
def test_half_a_surrogate_pair_is_refused_as_by_tokenizers(backend, text):
    backend = backend()
    with pytest.raises(TypeError) as expected:
        backend.encode_batch_fast([text])
    encoder = TextEncoder(backend, frozenset())

    for use in (encoder.encode, encoder.count):
        with pytest.raises(TypeError) as refused:
            use(text)
        assert str(refused.value) == str(expected.value)


def whole_words() -> Tokenizer:
    """Bytes, and a control token that is a whole piece of text and composed."""
    letters = pre_tokenizers.ByteLevel.alphabet()
    vocab = {token: index for index, token in enumerate([*sorted(letters), "end"])}
    vocab["\u00c3\u00a9"] = 257  # é
    backend = Tokenizer(models.BPE(vocab, [], ignore_merges=True))
    backend.normalizer = normalizers.NFC()
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.add_special_tokens([AddedToken("end", special=True, normalized=False)])
    backend.encode_special_tokens = True
    return backend


@pytest.mark.parametrize(
    "text", ["end", "the end", "end.end", "'ll end", "x (end)", "e\u0301", "é", "aé"]
)
def test_text_becomes_no_control_token_natively_either(text):
    control = {256, 257}
    encoder = TextEncoder(whole_words(), control)
    assert encoder.is_native

    token_ids = encoder.encode(text)

    assert control.isdisjoint(token_ids)
    assert encoder.count(text) == len(token_ids)
    by_tokenizers = TextEncoder(whole_words(), control)
    by_tokenizers._native = None
    assert by_tokenizers.encode(text) == token_ids


@pytest.mark.parametrize("name", ["qwen2", "gemma3", "llama2"])
def test_both_ways_make_the_same(name):
    native = TextEncoder(family(name), frozenset())
    by_tokenizers = TextEncoder(family(name), frozenset())
    by_tokenizers._native = None

    @settings(max_examples=30, deadline=None)
    @given(ANY)
    def check(text):
        assert native.encode(text) == by_tokenizers.encode(text)
        assert native.count(text) == by_tokenizers.count(text)

    check()
    for text in VARIED:
        assert native.encode(text) == by_tokenizers.encode(text)
