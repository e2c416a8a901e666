"""The encoder and slow twins, on vocabularies made up at random."""

import random
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import added_tokens, byte_level_bpe

from pensieve._native.bpe import Encoder

SPACE = "\u2581"


class Tables:
    """Tokens of a few characters and merges of them, in an order of no meaning."""

    def __init__(self, seed: int, alphabet: str, num_merges: int) -> None:
        rng = random.Random(seed)
        tokens = list(alphabet)
        merges = []
        while len(merges) < num_merges:
            pair = rng.choice(tokens), rng.choice(tokens)
            if pair in merges or len("".join(pair)) > 9:
                continue
            merges.append(pair)
            tokens.append("".join(pair))
        rng.shuffle(merges)
        self.vocab = {token: index for index, token in enumerate(dict.fromkeys(tokens))}
        self.merges = merges
        self.ranks = {pair: rank for rank, pair in enumerate(merges)}

    def ids(self, symbols: list[str]) -> list[int]:
        return [self.vocab[s] for s in byte_level_bpe.merge(symbols, self.ranks)]


def encoded(encoder: Encoder, text: str) -> list[int]:
    token_ids = encoder.encode(text).tolist()
    assert encoder.count(text) == len(token_ids)
    assert encoder.encode(text).tolist() == token_ids  # from the cache, too
    return token_ids


@settings(deadline=None)
@given(st.integers(0, 40), st.text("abc", max_size=130))
def test_the_lowest_rank_is_merged_first_and_of_those_the_leftmost(seed, text):
    tables = Tables(seed, "abc", num_merges=25)
    encoder = Encoder(tables.vocab, tables.merges, splitter="none")

    assert encoded(encoder, text) == tables.ids(list(text))


@settings(deadline=None)
@given(st.integers(0, 40), st.text("abcde ", max_size=130))
def test_text_without_a_splitter_is_merged_as_a_whole(seed, text):
    """Where no merge goes across it is cut, which must not show."""
    tables = Tables(seed, f"abcd{SPACE}", num_merges=12)
    byte_tokens = {f"<0x{byte:02X}>": 1000 + byte for byte in range(256)}
    tables.vocab |= byte_tokens
    encoder = Encoder(
        tables.vocab, tables.merges, has_byte_tokens=True, replaces_spaces=True
    )
    symbols = ["<0x65>" if char == "e" else char for char in text.replace(" ", SPACE)]

    assert encoded(encoder, text) == tables.ids(symbols)


@settings(deadline=None)
@given(st.text("ab日e", max_size=60))
def test_byte_tokens_that_merge_are_never_cut_apart(text):
    vocab = {f"<0x{byte:02X}>": byte for byte in range(256)}
    vocab |= {"a": 300, "b": 301, "<0x65>a": 302, "<0xE6><0x97>": 303, "ab": 304}
    merges = [("<0x65>", "a"), ("<0xE6>", "<0x97>"), ("a", "b")]
    encoder = Encoder(vocab, merges, has_byte_tokens=True)
    ranks = {pair: rank for rank, pair in enumerate(merges)}
    symbols = [
        symbol
        for char in text
        for symbol in (
            [char] if char in vocab else [f"<0x{byte:02X}>" for byte in char.encode()]
        )
    ]

    expected = [vocab[symbol] for symbol in byte_level_bpe.merge(symbols, ranks)]
    assert encoded(encoder, text) == expected


@pytest.mark.parametrize("splitter", ["none", None])
def test_what_has_no_token_is_left_out_or_unknown(splitter):
    vocab = {"a": 0, "b": 1, "ab": 2, "?": 3}
    merges = [("a", "b")]

    def ids(text, **options):
        return encoded(Encoder(vocab, merges, splitter=splitter, **options), text)

    assert ids("axb") == [2]
    assert ids("axxb", unknown="?") == [0, 3, 3, 1]
    assert ids("xxa?xx", unknown="?", fuses_unknown=True) == [3, 0, 3, 3]
    assert ids("xx", unknown="?", fuses_unknown=True) == [3]
    assert ids("") == []


def test_of_equal_merges_the_last_one_counts():
    vocab = {token: index for index, token in enumerate(["a", "b", "c", "ab", "bc"])}
    merges = [("a", "b"), ("b", "c"), ("a", "b")]

    assert encoded(Encoder(vocab, merges, splitter="none"), "abc") == [0, 4]


def test_a_piece_that_is_a_token_may_be_kept_whole():
    vocab = {"a": 0, "b": 1, "ab": 2, "aab": 3, "\u0120": 4, "\u0120b": 5}

    def ids(text, keeps_whole):
        options = {"splitter": "gpt2", "keeps_whole": keeps_whole}
        return encoded(Encoder(vocab, [("a", "b")], **options), text)

    assert ids("aab b", keeps_whole=False) == [0, 2, 4, 1]
    assert ids("aab b", keeps_whole=True) == [3, 5]
    assert ids("aaab", keeps_whole=True) == [0, 0, 2]


ADDED = st.lists(
    st.tuples(
        st.text("<a \n", min_size=1, max_size=4),
        st.integers(900, 999),
        st.booleans(),
        st.booleans(),
        st.booleans(),
    ),
    max_size=6,
    unique_by=lambda token: token[0],
)


@settings(max_examples=400)
@given(ADDED, st.text("<a \n\u3000", max_size=30))
def test_added_tokens_are_found_as_by_the_reference(tokens, text):
    encoder = Encoder({}, [], splitter="none", raw_tokens=tokens)

    assert encoder.split_raw(text) == added_tokens.split(text, tokens)


@settings(max_examples=300)
@given(ADDED, ADDED, st.text("<a \n▁", max_size=20))
@pytest.mark.parametrize(
    "steps",
    [
        {},
        {"replaces_spaces": True},
        {"replaces_spaces": True, "prepends": True},
        {"metaspace": "never"},
        {"metaspace": "first"},
        {"metaspace": "always"},
    ],
    ids=str,
)
def test_spaces_are_written_before_or_after_added_tokens_are_found(
    steps, raw, normalized, text
):
    vocab = {char: index for index, char in enumerate(f"<a \n\u3000{SPACE}")}
    options = {"raw_tokens": raw, "normalized_tokens": normalized}
    encoder = Encoder(vocab, [], **options, **steps)

    expected = []
    for at, span in enumerate(added_tokens.split(text, raw)):
        if isinstance(span, int):
            expected.append(span)
            continue
        span = SPACE + span if steps.get("prepends") else span
        span = span.replace(" ", SPACE) if steps.get("replaces_spaces") else span
        for place, part in enumerate(added_tokens.split(span, normalized)):
            if isinstance(part, int):
                expected.append(part)
                continue
            scheme = steps.get("metaspace")
            if scheme:
                part = part.replace(" ", SPACE)
                is_first = scheme == "first" and at == place == 0
                if (scheme == "always" or is_first) and part[0] != SPACE:
                    part = SPACE + part
            expected += [vocab[char] for char in part]

    assert encoded(encoder, text) == expected


def test_normalised_text_is_not_looked_through_for_raw_tokens():
    tokens = {"raw_tokens": [("<r>", 7, False, False, False)]}
    tokens["normalized_tokens"] = [("<n>", 8, False, False, False)]
    encoder = Encoder({"<": 0, "r": 1, ">": 2}, [], splitter="none", **tokens)

    assert encoder.encode("<r><n>").tolist() == [7, 8]
    assert encoder.encode("<r><n>", is_normalized=True).tolist() == [0, 1, 2, 8]
    assert encoder.count("<r><n>", is_normalized=True) == 4


def test_text_that_becomes_a_watched_token_is_not_encoded():
    encoder = Encoder(
        {"a": 0, "b": 1, "ab": 2}, [("a", "b")], splitter="none", watched=[2, 5]
    )

    assert encoder.encode("ba").tolist() == [1, 0]
    assert encoder.encode("bab") is None
    assert encoder.count("bab") is None


@pytest.mark.parametrize("unit", ["a", "ab", "abc", "b", "é", "日", "😀"])
def test_a_megabyte_of_one_thing_is_encoded(unit):
    tables = Tables(3, "abc", num_merges=25)
    alphabet = [letter for letter in byte_level_bpe.alphabet() if letter not in "abc"]
    tables.vocab |= {letter: 1000 + n for n, letter in enumerate(alphabet)}
    encoder = Encoder(tables.vocab, tables.merges, splitter="llama3")
    text = unit * (1_000_000 // len(unit.encode()))

    token_ids = encoder.encode(text)

    assert encoder.count(text) == len(token_ids)
    letters = byte_level_bpe.alphabet()
    texts = {token_id: token for token, token_id in tables.vocab.items()}
    decoded = "".join(texts[token_id] for token_id in token_ids)
    assert decoded == "".join(letters[byte] for byte in text.encode())


def test_eight_threads_share_an_encoder():
    tables = Tables(1, "abc", num_merges=25)
    encoder = Encoder(tables.vocab, tables.merges, splitter="none")
    rng = random.Random(5)
    texts = ["".join(rng.choices("abc", k=rng.randint(1, 5000))) for _ in range(60)]
    expected = [encoder.encode(text) for text in texts]
    wrong = []

    def encode():
        for text, token_ids in zip(texts, expected, strict=True):
            if encoder.encode(text) != token_ids:
                wrong.append(text)

    threads = [threading.Thread(target=encode) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"merges": [("a", "b"), ("b", "x")]}, r"merge 1: expected tokens, got 'x'"),
        ({"merges": [("b", "b")]}, r"merge 0: expected tokens, got 'bb'"),
        ({"splitter": "bloom"}, r"splitter: .* got 'bloom'"),
        ({"vocab": {"a": 1 << 22}}, r"token id: expected at most 4194303, got 4194304"),
        ({"watched": [1 << 30]}, r"token id: "),
        (
            {"raw_tokens": [("", 5, False, False, False)]},
            r"added token 5: expected 1 to 1024 bytes, got 0",
        ),
        (
            {"normalized_tokens": [("x" * 1025, 5, False, False, False)]},
            r"added token 5: expected 1 to 1024 bytes, got 1025",
        ),
    ],
    ids=str,
)
def test_tables_that_do_not_agree_are_refused(arguments, message):
    tables = {"vocab": {"a": 0, "b": 1, "ab": 2}, "merges": [], "splitter": "none"}

    with pytest.raises(ValueError, match=rf"^\[bpe\] {message}"):
        Encoder(**{**tables, **arguments})


def test_arguments_of_other_types_are_refused():
    with pytest.raises(TypeError):
        Encoder(None, [])
    with pytest.raises(TypeError):
        Encoder({}, []).encode(b"bytes")
    with pytest.raises(TypeError):
        Encoder({"a": "b"}, [])
    with pytest.raises(OverflowError):
        Encoder({"a": -1}, [])


@pytest.mark.parametrize("text", ["\ud800", "a" * 5000 + "\udfff"])
def test_half_a_surrogate_pair_is_refused(text):
    with pytest.raises(UnicodeEncodeError):
        Encoder({}, []).encode(text)
