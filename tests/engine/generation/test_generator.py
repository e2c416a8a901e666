import mlx.core as mx
import pytest
from engine.drawn import greedy_draws
from engine.tiny_models import tiny_llama
from mlx_lm.generate import generate_step

from pensieve.engine.generation.decoding import Row, Token
from pensieve.engine.generation.generator import Generator

PROMPT = [5, 6, 7, 8, 9]


@pytest.fixture(scope="module")
def model():
    return tiny_llama()


@pytest.fixture
def expected(model):
    steps = generate_step(mx.array(PROMPT), model, max_tokens=4)
    return [token for token, _ in steps]


@pytest.fixture
def generator(model) -> Generator[str]:
    return Generator(model)


def drain(generator, key="a") -> list[Token]:
    tokens = []
    while step := generator.decode():
        tokens += [token for token in step if token.key == key]
    return tokens


@pytest.mark.parametrize("pieces", [[4], [1, 3], [2, 1, 1], [3, 0, 1]])
def test_tokens_do_not_depend_on_the_pieces_of_the_prefill(generator, expected, pieces):
    generator.insert(Row("a", 4, [], greedy_draws()), PROMPT)
    for piece in pieces:
        assert generator.decode() == []
        generator.prefill("a", piece)

    tokens = drain(generator)

    assert [token.token_id for token in tokens] == expected
    assert [token.finish_reason for token in tokens] == [None] * 3 + ["max_tokens"]


def test_prompts_tells_what_is_left_to_prefill_oldest_first(generator):
    generator.insert(Row("a", 4, [], greedy_draws()), PROMPT)
    generator.insert(Row("b", 4, [], greedy_draws()), [1])
    generator.insert(Row("c", 4, [], greedy_draws()), PROMPT * 2)

    generator.prefill("a", 1)

    assert list(generator.prompts().items()) == [("a", 3), ("b", 0), ("c", 9)]


def test_a_complete_prompt_is_no_prompt_any_more(generator):
    generator.insert(Row("a", 4, [], greedy_draws()), PROMPT)

    generator.prefill("a", 4)

    assert generator.prompts() == {}


def test_what_is_removed_gives_no_tokens_and_others_go_on(generator, expected):
    for key in ("a", "b", "c"):
        generator.insert(Row(key, 4, [], greedy_draws()), PROMPT)
    generator.prefill("a", 4)
    generator.prefill("b", 4)
    first = generator.decode()[0]

    generator.remove("b")  # decodes
    generator.remove("c")  # is a prompt
    generator.remove("d")  # was never there

    assert generator.prompts() == {}
    assert [first, *drain(generator)] == [
        Token("a", token_id, "max_tokens" if i == 3 else None)
        for i, token_id in enumerate(expected)
    ]


def test_an_end_token_is_marked_as_one(generator, expected):
    generator.insert(Row("a", 4, [expected[0]], greedy_draws()), PROMPT)
    generator.prefill("a", 4)

    assert drain(generator) == [Token("a", expected[0], "end_token")]
