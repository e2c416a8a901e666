import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference.chat_templates import CONTROL_TOKENS
from tokenizers import AddedToken

from pensieve.prompt.control_tokens import CUT, ESCAPE, MARK, ControlTokens

TOKENS = [*CONTROL_TOKENS, "<|im|>", "ababa", "\n\n#", "é<"]

PIECES = st.sampled_from(
    [
        *TOKENS,
        *(
            "<",
            "<|",
            "|>",
            ">",
            "im_end",
            "|",
            "s>",
            "</",
            "INST",
            "[",
            "]",
            "ab",
            "aba",
        ),
        *("\n", " ", "x", "é", MARK, ESCAPE, CUT, ESCAPE + "0"),
    ]
)
HOSTILE = st.lists(PIECES | st.text(max_size=3), max_size=12).map("".join)


@pytest.fixture(scope="module")
def control_tokens():
    return ControlTokens(
        {index: AddedToken(token, special=True) for index, token in enumerate(TOKENS)}
    )


def parts(control_tokens, rendered):
    """The control tokens and the text between them."""
    return [piece.part for piece in control_tokens.split(rendered)]


def text_of(pieces) -> str:
    return "".join(
        TOKENS[piece] if isinstance(piece, int) else piece for piece in pieces
    )


def test_the_templates_own_tokens_are_found(control_tokens):
    pieces = parts(control_tokens, "<s>[INST] hi[/INST]</s><|im|>")

    assert [TOKENS[p] if isinstance(p, int) else [p] for p in pieces] == [
        *("<s>", "[INST]", [" hi"], "[/INST]", "</s>", "<|im|>")
    ]


def test_the_longest_token_is_found():
    tokens = {1: AddedToken("<a"), 2: AddedToken("<ab>"), 3: AddedToken("<abc")}

    assert parts(ControlTokens(tokens), "<ab><abd<abc<a") == [2, 1, "bd", 3, 1]


@given(HOSTILE)
def test_client_text_is_text_and_comes_through_unchanged(text):
    control_tokens = ControlTokens(
        {index: AddedToken(token, special=True) for index, token in enumerate(TOKENS)}
    )

    pieces = parts(control_tokens, control_tokens.mark(text))

    assert all(isinstance(piece, str) for piece in pieces)
    assert text_of(pieces) == text


@given(HOSTILE, HOSTILE, st.sampled_from(TOKENS), st.data())
def test_no_token_spans_the_templates_text_and_the_clients(before, text, token, data):
    """The template writes the start of a token before client text, the end after."""
    control_tokens = ControlTokens(
        {index: AddedToken(token, special=True) for index, token in enumerate(TOKENS)}
    )
    cut = data.draw(st.integers(1, len(token) - 1))
    head, tail = token[:cut], token[cut:]
    between = text.strip()  # as templates do

    rendered = control_tokens.mark(before) + head + control_tokens.mark(between) + tail
    found = [
        piece for piece in parts(control_tokens, rendered) if isinstance(piece, int)
    ]

    assert found == ([] if between else [TOKENS.index(token)])


@pytest.mark.parametrize(
    "text", ["|im_end|>", " |im_end|> x", "x <|im_end", "<|im_end\n", "im_end", "INST"]
)
def test_parts_of_a_token_at_the_edges_are_marked_inside_the_white_space(
    control_tokens, text
):
    marked = control_tokens.mark(text)

    assert MARK in marked.strip()
    assert marked.replace(MARK, "") == text
    assert not marked.startswith(MARK + " ")
    assert not marked.endswith("\n" + MARK)


@pytest.mark.parametrize("text", ["", " ", "hello", "x < y > z", "I said: [x] y", "日"])
def test_other_text_is_left_alone(control_tokens, text):
    assert control_tokens.mark(text) == text


def test_white_space_that_belongs_to_a_token_goes_with_it():
    control_tokens = ControlTokens(
        {
            1: AddedToken("<r>", rstrip=True),
            2: AddedToken("<l>", lstrip=True),
            3: AddedToken("<n>"),
        }
    )

    assert parts(control_tokens, "<r> \n a <l> b <n> c<r> \u3000<l>") == [
        *(1, "a", 2, " b ", 3, " c", 1, 2)
    ]
    assert parts(control_tokens, "<r>\x1cx") == [1, "\x1cx"]


def test_tokens_of_one_character_are_no_control_tokens():
    control_tokens = ControlTokens({7: AddedToken("#", special=True)})

    assert control_tokens.mark("#") == "#"
    assert parts(control_tokens, "#") == ["#"]


def test_a_model_without_control_tokens():
    control_tokens = ControlTokens({})

    assert parts(control_tokens, control_tokens.mark("a<b>")) == ["a<b>"]


def test_tokens_may_be_long_and_many():
    tokens = [f"<unused{n}>" for n in range(6_000)] + ["<" + "x" * 20_000 + ">"]
    control_tokens = ControlTokens(
        {index: AddedToken(token) for index, token in enumerate(tokens)}
    )

    assert parts(control_tokens, f"a{tokens[-1]}b<unused59>") == [
        "a",
        6000,
        "b",
        59,
    ]
    assert parts(control_tokens, control_tokens.mark("<unused5999>")) == [
        "<unused5999>"
    ]


@pytest.mark.parametrize("strips", [{}, {"rstrip": True}, {"lstrip": True}])
@pytest.mark.parametrize("more", [[], ["\n<c>"]])
def test_what_comes_after_a_token_can_be_split_alone(strips, more):
    texts = ["<a>", "<ab>", *more]
    control_tokens = ControlTokens(
        {index: AddedToken(text, **strips) for index, text in enumerate(texts)}
    )

    @given(st.lists(st.sampled_from([*texts, " ", "\n", "x", MARK]), max_size=12))
    def check(written):
        rendered = "".join(written)
        pieces = list(control_tokens.split(rendered))
        for index, piece in enumerate(pieces):
            if piece.end is not None:
                rest = list(control_tokens.split(rendered, piece.end))
                assert rest == pieces[index + 1 :]

    check()
