"""A forward pass that is laid out before its tokens are known, on a CPU."""

import mlx.core as mx
import pytest
from engine.drawn import greedy_draws
from engine.tiny_models import (
    MODELS,
    tiny_llama,
)

from pensieve.engine.generation.decoding import Row
from pensieve.engine.generation.generator import Generator
from pensieve.engine.generation.laying_out import blank_tokens, can_lay_out, fill


class Eager:
    """A model that waits for its own logits."""

    def __init__(self, model) -> None:
        self._model = model

    def __call__(self, tokens, cache):
        logits = self._model(tokens, cache=cache)
        mx.eval(logits)
        return logits

    def __getattr__(self, attribute: str):
        return getattr(self._model, attribute)


def answers(model) -> dict[int, list[int]]:
    """Return the tokens of three sequences, which join and leave one by one."""
    generator = Generator(model)
    told: dict[int, list[int]] = {key: [] for key in range(3)}
    for key in told:
        row = Row(key, 6 + 4 * key, [], greedy_draws())
        generator.insert(row, [(5 * key + i) % 90 for i in range(9 + key)])
        generator.prefill(key, generator.prompts()[key])
        for token in generator.decode():
            told[token.key].append(token.token_id)
    while generator.sizes():
        for token in generator.decode():
            told[token.key].append(token.token_id)
    return told


@pytest.mark.parametrize("model", MODELS)
def test_models_can_be_laid_out(model):
    assert can_lay_out(model())


def test_one_that_computes_in_the_middle_cannot():
    assert not can_lay_out(Eager(tiny_llama()))


@pytest.mark.skipif(mx.default_device().type == mx.gpu, reason="of CPUs only")
def test_laid_out_or_not_the_answers_are_the_same():
    model = tiny_llama()

    laid_out = answers(model)

    assert [len(tokens) for tokens in laid_out.values()] == [6, 10, 14]
    assert laid_out == answers(Eager(model))


def test_what_is_filled_in_is_what_is_computed_with():
    blank = blank_tokens(3)
    doubled = blank * 2

    fill(blank, mx.array([4, 5, 6], mx.uint32))

    assert doubled.tolist() == [8, 10, 12]
