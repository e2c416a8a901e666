"""Against the plain-Python twin, and against Hugging Face's decode."""

from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from output.byte_tokenizer import byte_tokenizer
from reference import detokenizer as reference
from reference.texts import VARIED
from tokenizers import Tokenizer, decoders, models

from pensieve._native.detokenize import TextStream, TokenTexts

LETTERS = reference.alphabet()
BYTE_LEVEL = [
    *LETTERS,
    # Broken in every way: cut, too long, a surrogate, above U+10FFFF.
    *(
        "".join(LETTERS[byte] for byte in piece)
        for piece in (
            *(b"\xf0\x9f", b"\x9a\x80", b"a\xe4", b"\xb8\xad b", b"\xe4\xb8\xad\xe6"),
            *(b"\xc0\x80", b"\xe0\x80", b"\xed\xa0\x80", b"\xf4\x90", b"\xf0\x8f\xbf"),
            *(b" the", b"\xff\xfe", b"\xe2\x80\x8d", b"\xf0\x9f\x91\xa9"),
        )
    ),
    *("<|im_start|>", "an added one", "<\u4e2d>", "\u0144", ""),
]
BYTE_FALLBACK = [
    *(f"<0x{byte:02X}>" for byte in range(256)),
    *("\u2581", "\u2581\u2581\u2581", "\u2581the", "a", "\u4e2d", "\ufffd", "<0xzz>"),
    *("<0x0>", "<0x001>", "x\u2581y", "", " ", "<|im_start|>"),
]
MISSING = 9_999
"""An id that no vocabulary here has."""


def token_of(tokens):
    return lambda token_id: tokens[token_id] if token_id < len(tokens) else None


def texts(scheme, tokens, **options):
    return TokenTexts(scheme, token_of(tokens), **options)


def pieces_of(stream, ids):
    return [stream.feed([token_id]) for token_id in ids] + [stream.finish()]


def tokens_of(tokens, ids):
    return [tokens[token_id] for token_id in ids if token_id != MISSING]


def ids_of(tokens):
    return st.lists(st.integers(0, len(tokens) - 1) | st.just(MISSING), max_size=40)


@given(ids_of(BYTE_LEVEL))
def test_each_byte_level_piece_is_the_twins(ids):
    ids = [token_id for token_id in ids if token_id != MISSING]

    pieces = pieces_of(TextStream(texts("byte_level", BYTE_LEVEL)), ids)

    assert pieces == reference.byte_level_pieces(tokens_of(BYTE_LEVEL, ids))


@given(ids_of(BYTE_FALLBACK), st.integers(0, 3), st.booleans())
def test_byte_fallback_text_is_the_twins(ids, num_stripped, is_continuation):
    known = texts("byte_fallback", BYTE_FALLBACK, num_stripped=num_stripped)

    pieces = pieces_of(TextStream(known, is_continuation), ids)

    assert "".join(pieces) == reference.byte_fallback_text(
        tokens_of(BYTE_FALLBACK, ids), 0 if is_continuation else num_stripped
    )


def backend_of(tokens, decoder):
    """Return a tokenizer of Hugging Face's with these tokens."""
    vocabulary = {token: token_id for token_id, token in enumerate(tokens)}
    backend = Tokenizer(models.BPE(vocabulary, []))
    backend.decoder = decoder
    return backend


SENTENCEPIECE = [decoders.Replace("\u2581", " "), decoders.ByteFallback()]
BACKENDS = {
    "byte_level": (BYTE_LEVEL, decoders.ByteLevel(), 0),
    "byte_fallback": (
        BYTE_FALLBACK,
        decoders.Sequence([*SENTENCEPIECE, decoders.Fuse(), decoders.Strip(" ", 1, 0)]),
        1,
    ),
}


@pytest.mark.parametrize("scheme", BACKENDS)
@given(data=st.data())
def test_joined_pieces_are_what_hugging_face_decodes(scheme, data):
    tokens, decoder, num_stripped = BACKENDS[scheme]
    backend = backend_of(tokens, decoder)
    ids = data.draw(ids_of(tokens))
    known = TokenTexts(scheme, backend.id_to_token, num_stripped=num_stripped)

    for size in range(len(ids) + 1):
        stream = TextStream(known)
        text = "".join(pieces_of(stream, ids[:size]))
        decoded = backend.decode(ids[:size], skip_special_tokens=False)
        if scheme == "byte_level" or not has_right_before_wrong(tokens, ids[:size]):
            assert text == decoded


def has_right_before_wrong(tokens, ids):
    """Whether a run of byte tokens has a right character before a wrong byte."""
    is_byte = [0 <= token_id < 256 for token_id in ids if token_id != MISSING]
    known = [token_id for token_id in ids if token_id != MISSING]
    run = b""
    for token_id, belongs in zip([*known, 256], [*is_byte, False], strict=True):
        if belongs:
            run += bytes([token_id])
            continue
        written = reference.run_text(run)
        if reference.REPLACEMENT in written and not written.startswith("\ufffd"):
            return True
        run = b""
    return False


@pytest.mark.parametrize("text", VARIED)
def test_where_tokens_are_cut_changes_nothing(text):
    backend = byte_tokenizer()
    ids = backend.encode(text[:12]).ids
    known = TokenTexts("byte_level", backend.id_to_token)

    for cuts in combinations(range(len(ids) + 1), 2):
        stream = TextStream(known)
        pieces = [stream.feed(ids[a:b]) for a, b in pairwise([0, *cuts, len(ids)])]
        assert "".join(pieces) + stream.finish() == text[:12]
        assert "\ufffd" not in "".join(pieces) or "\ufffd" in text


def test_silent_tokens_are_no_part_of_a_character():
    known = texts("byte_fallback", BYTE_FALLBACK, silent_ids=[BYTE_FALLBACK.index("a")])
    stream = TextStream(known)
    a = BYTE_FALLBACK.index("a")

    assert stream.feed([0xE4, a, 0xB8, MISSING, 0xAD]) == "\u4e2d"


def test_a_token_is_asked_for_once():
    asked = []

    def asking(token_id):
        asked.append(token_id)
        return "a"

    known = TokenTexts("byte_level", asking)
    for _ in range(3):
        assert TextStream(known).feed([7, 7, 8]) == "aaa"

    assert asked == [7, 8]


def test_a_failing_vocabulary_leaves_the_stream_as_it_was():
    def token(token_id):
        if token_id == 1:
            raise KeyError(token_id)
        return LETTERS[0xE4] if token_id == 0 else LETTERS[0xB8]

    stream = TextStream(TokenTexts("byte_level", token))
    stream.feed([0])
    with pytest.raises(KeyError):
        stream.feed([1])
    assert stream.finish() == "\ufffd"


def test_arguments_out_of_range_are_refused():
    with pytest.raises(ValueError, match=r"^\[detokenize\] scheme: .* got words$"):
        TokenTexts("words", str)
    with pytest.raises(ValueError, match=r"num_stripped: expected 0 or more, got -1$"):
        TokenTexts("byte_level", str, num_stripped=-1)
    with pytest.raises(OverflowError):
        TextStream(texts("byte_level", BYTE_LEVEL)).feed([-1])
    with pytest.raises(OverflowError):
        TextStream(texts("byte_level", BYTE_LEVEL)).feed([2**32])
    with pytest.raises(TypeError):
        TextStream(None)
