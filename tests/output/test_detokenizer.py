"""Against the tokenizer's own decode, on small tokenizers of both kinds of decoder.

The native detokenizer and the one of any decoder in turn.
"""

from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from output.byte_tokenizer import END, byte_tokenizer
from reference import byte_level_bpe
from reference.texts import VARIED
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from pensieve._native.detokenize import TextStream
from pensieve.models.files import describe
from pensieve.output.decoded_text import DecodedText
from pensieve.output.detokenizer import Detokenizers
from pensieve.prompt.tokenizer import open_backend

TEXT = "na\u00efve \u4e2d\u6587 \U0001f469\u200d\U0001f680 e\u0301 tail"


def byte_fallback():
    """Return a SentencePiece-like tokenizer: letters, a space, else bytes."""
    pieces = ["<unk>", "\u2581", *"abcdefghijklmnopqrstuvwxyz", "\u2581tail"]
    pieces += [f"<0x{byte:02X}>" for byte in range(256)]
    vocabulary = {piece: token_id for token_id, piece in enumerate(pieces)}
    tokenizer = Tokenizer(
        models.BPE(vocabulary, [], unk_token="<unk>", byte_fallback=True)
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace("\u2581", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    tokenizer.add_special_tokens([AddedToken(END, special=True)])
    return tokenizer


@pytest.fixture(params=[byte_tokenizer, byte_fallback], ids=lambda make: make.__name__)
def backend(request):
    return request.param()


def native(backend, special_ids, is_continuation=False):
    detokenizer = Detokenizers(backend, special_ids).begin(is_continuation)
    assert isinstance(detokenizer, TextStream)
    return detokenizer


@pytest.fixture(scope="module", params=[native, DecodedText], ids=["native", "decoded"])
def make(request):
    return request.param


def special(backend):
    return {backend.token_to_id(END)}


def run(make, backend, pieces):
    detokenizer = make(backend, special(backend))
    return [detokenizer.feed(piece) for piece in pieces] + [detokenizer.finish()]


def test_any_two_cuts_give_what_decode_gives(make, backend):
    ids = backend.encode(TEXT).ids
    for cuts in combinations(range(len(ids) + 1), 2):
        bounds = [0, *cuts, len(ids)]
        pieces = [ids[a:b] for a, b in pairwise(bounds)]
        assert "".join(run(make, backend, pieces)) == backend.decode(ids)


def test_no_piece_holds_half_a_character(make, backend):
    ids = backend.encode(TEXT).ids
    pieces = run(make, backend, [[token_id] for token_id in ids])

    assert not any("\ufffd" in piece for piece in pieces)
    assert max(len(piece) for piece in pieces) <= len(" tail")


def test_special_tokens_are_not_text(make, backend):
    end = backend.token_to_id(END)
    ids = backend.encode("ab c").ids
    mixed = [end, *ids[:1], end, end, *ids[1:], end]

    assert "".join(run(make, backend, [[each] for each in mixed])) == "ab c"
    assert "".join(run(make, backend, [[end]])) == ""


def test_the_first_space_counts_in_a_text_that_goes_on(make, backend):
    context = backend.encode("ab").ids
    ids = backend.encode("ab cd").ids[len(context) :]
    detokenizer = make(backend, special(backend), is_continuation=True)

    assert "".join(detokenizer.feed([each]) for each in ids) == " cd"


def test_a_half_character_at_the_end_is_a_replacement_character(make, backend):
    ids = backend.encode("a\u4e2d").ids[:-1]
    pieces = run(make, backend, [[each] for each in ids])

    assert "".join(pieces) == backend.decode(ids)
    assert pieces[-1].startswith("\ufffd")


@given(st.lists(st.lists(st.integers(0, 256), max_size=3), max_size=40))
def test_any_bytes_come_out_as_decode_has_them(make, pieces):
    backend = byte_tokenizer()
    whole = [each for piece in pieces for each in piece]

    assert "".join(run(make, backend, pieces)) == backend.decode(whole)


def test_a_long_run_of_replacement_characters_is_not_held_back(make):
    backend = byte_tokenizer()
    detokenizer = make(backend, special(backend))
    ids = backend.encode("\ufffd" * 50).ids

    sent = "".join(detokenizer.feed([each]) for each in ids)

    assert len(sent) >= 47


@pytest.fixture(scope="module", params=["smollm2_path", "gemma3_path"])
def real_backend(request):
    return open_backend(describe(request.getfixturevalue(request.param)))


@pytest.mark.parametrize("text", VARIED)
def test_real_models_text_comes_out_as_decode_has_it(make, real_backend, text):
    ids = real_backend.encode(text, add_special_tokens=False).ids
    detokenizer = make(real_backend, ())

    pieces = [detokenizer.feed([token_id]) for token_id in ids]

    assert "".join(pieces) + detokenizer.finish() == real_backend.decode(ids)
    assert "\ufffd" not in "".join(pieces).replace("\ufffd \ufffe", "")


class CountingBackend:
    """A tokenizer that counts the tokens it decodes."""

    def __init__(self, backend):
        self._backend = backend
        self.num_decoded = 0

    def encode(self, text, add_special_tokens):
        return self._backend.encode(text, add_special_tokens=add_special_tokens)

    def decode(self, ids, skip_special_tokens):
        self.num_decoded += len(ids)
        return self._backend.decode(ids, skip_special_tokens=skip_special_tokens)


@pytest.mark.parametrize("broken", [b"\x80", b"\xf0\x9f\x98", b"\xe4\xb8"])
def test_broken_bytes_without_end_come_out_at_a_steady_cost(backend, broken):
    letters = byte_level_bpe.alphabet()
    ids = [
        backend.token_to_id(f"<0x{byte:02X}>") or backend.token_to_id(letters[byte])
        for byte in broken * 2_000
    ]
    counting = CountingBackend(backend)
    detokenizer = DecodedText(counting, special(backend))

    text = detokenizer.feed(ids) + detokenizer.finish()

    assert text == backend.decode(ids)
    assert counting.num_decoded < 200 * len(ids)


def test_tokens_that_the_vocabulary_has_not_cost_no_more_each(backend):
    counting = CountingBackend(backend)
    detokenizer = DecodedText(counting, special(backend))

    assert detokenizer.feed([10_000] * 2_000) == ""
    assert detokenizer.feed(backend.encode("ab").ids) == "ab"
    assert counting.num_decoded < 200 * 2_000


@given(st.data())
def test_random_tokens_of_real_models_come_out_as_decode_has_them(real_backend, data):
    """Of SentencePiece's only those that are no bytes: see `reference.detokenizer`."""
    ids = data.draw(
        st.lists(st.integers(0, real_backend.get_vocab_size() - 1), max_size=30)
    )
    if real_backend.token_to_id("<0x00>") is not None:
        tokens = [real_backend.id_to_token(each) or "" for each in ids]
        ids = [
            each
            for each, token in zip(ids, tokens, strict=True)
            if not token.startswith("<0x")
        ]
    detokenizer = native(real_backend, ())

    pieces = [detokenizer.feed([token_id]) for token_id in ids]

    decoded = real_backend.decode(ids, skip_special_tokens=False)
    assert "".join(pieces) + detokenizer.finish() == decoded


STEPS = [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()]


@pytest.mark.parametrize(
    "decoder",
    [
        None,
        decoders.Metaspace(),
        decoders.WordPiece(),
        decoders.Sequence(STEPS[:2]),
        decoders.Sequence([*STEPS, decoders.Strip(" ", 0, 1)]),
        decoders.Sequence([decoders.Replace("_", " "), *STEPS[1:]]),
        decoders.Sequence([decoders.ByteLevel(), decoders.Fuse()]),
    ],
    ids=str,
)
def test_what_another_decoder_does_is_left_to_it(decoder):
    backend = byte_fallback()
    backend.decoder = decoder

    assert isinstance(Detokenizers(backend, ()).begin(), DecodedText)


def test_a_decoder_in_a_sequence_of_one_is_that_decoder():
    backend = byte_tokenizer()
    backend.decoder = decoders.Sequence([decoders.ByteLevel()])

    assert isinstance(Detokenizers(backend, ()).begin(), TextStream)
