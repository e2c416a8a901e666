"""The native encoder and `tokenizers`, token for token."""

import threading

import pytest
from hypothesis import given, settings
from reference.random_texts import COUNT, RandomTexts, real_text
from reference.texts import ANY, VARIED
from reference.tokenizer_families import BUILDERS, TOKENS, family

from pensieve.prompt.native_tokenizer import recognise

REAL = ["smollm2", "gemma3 from its file"]
FAMILIES = [*BUILDERS, *REAL]


@pytest.fixture(scope="session")
def twins(smollm2_vocabulary, gemma3_vocabulary):
    """Return a family's `tokenizers.Tokenizer` and its native twin, made once."""
    from pensieve.prompt import gguf_tokenizer

    made = {}

    def pair(name):
        if name not in made:
            if name == "smollm2":
                backend = gguf_tokenizer.build(smollm2_vocabulary, "llama")
            elif name == "gemma3 from its file":
                backend = gguf_tokenizer.build(gemma3_vocabulary, "gemma3")
            else:
                backend = family(name)
            backend.encode_special_tokens = True
            native, reason = recognise(backend)
            assert native is not None, reason
            made[name] = backend, native
        return made[name]

    return pair


def expected(backend, text):
    return backend.encode(text, add_special_tokens=False).ids


def check(twins, name, text):
    backend, native = twins(name)
    token_ids = native.encode(text)
    assert token_ids.tolist() == expected(backend, text), repr(text)
    assert native.count(text) == len(token_ids), repr(text)


@pytest.mark.parametrize("name", FAMILIES)
def test_varied_texts_are_encoded_as_by_tokenizers(twins, name):
    for text in [*VARIED, "".join(VARIED), *TOKENS, "".join(TOKENS)]:
        check(twins, name, text)


@pytest.mark.parametrize("name", FAMILIES)
def test_any_text_is_encoded_as_by_tokenizers(twins, name):
    twins(name)

    @settings(max_examples=60, deadline=None)
    @given(ANY)
    def check_any(text):
        check(twins, name, text)

    check_any()


@pytest.mark.parametrize("name", FAMILIES)
def test_many_random_texts_are_encoded_as_by_tokenizers(twins, name):
    """PENSIEVE_TEST_PARITY_TEXTS says how many."""
    backend, _ = twins(name)
    added = [token.content for token in backend.get_added_tokens_decoder().values()]
    texts = RandomTexts(seed=FAMILIES.index(name), tokens=added[:200] + TOKENS)
    for _ in range(COUNT):
        check(twins, name, texts.draw())


@pytest.mark.parametrize("name", FAMILIES)
def test_real_text_is_encoded_as_by_tokenizers(twins, name):
    check(twins, name, real_text())


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("size", [47, 48, 49, 50, 400, 20_000])
def test_long_pieces_are_encoded_as_by_tokenizers(twins, name, size):
    units = [
        "a",
        " ",
        "\n",
        "😀",
        "ab",
        "_",
        "é",
        "日本",
        "the",
        "▁",
        "1",
        "\t ",
        "e\u0301",
    ]
    for unit in units:
        text = unit * (size // len(unit))
        check(twins, name, text)
        check(twins, name, f"x{text}y")


@pytest.mark.parametrize("name", ["qwen2", "llama2", "gemma3 from its file"])
def test_eight_threads_at_once_encode_as_one(twins, name):
    backend, native = twins(name)
    texts = RandomTexts(seed=8, tokens=TOKENS)
    each = [real_text()[start::7] for start in range(7)]
    each += [texts.draw() for _ in range(200)]
    wanted = [expected(backend, text) for text in each]
    wrong = []

    def encode(first):
        for index in range(len(each)):
            text = each[(index + first) % len(each)]
            if native.encode(text).tolist() != wanted[(index + first) % len(each)]:
                wrong.append(text)

    threads = [threading.Thread(target=encode, args=(25 * n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []


def test_text_that_becomes_a_watched_token_is_told():
    backend = family("llama3")
    zyzzyva = backend.token_to_id("Zyzzyva")
    native, _ = recognise(backend, watched=[zyzzyva, 10**6])

    assert native.encode("Zyzzyva") is None
    assert native.count("a\nb Zyzzyva\n\n") is not None
    assert native.count("a\n(\nZyzzyva\n") is None
    assert native.encode("zyzzyva").tolist() == expected(backend, "zyzzyva")


@pytest.mark.parametrize("text", ["\ud800", "a\udfff b", "é\ud83d" * 3000])
@pytest.mark.parametrize("name", ["gpt2", "qwen2", "gemma3"])
def test_half_a_surrogate_pair_is_refused(twins, name, text):
    _, native = twins(name)

    with pytest.raises(UnicodeEncodeError):
        native.encode(text)
    with pytest.raises(UnicodeEncodeError):
        native.count(text)
