"""Samplers of the engine, against the float64 reference, on rows of every kind."""

import math
from functools import cache

import mlx.core as mx
import numpy as np
import pytest
from sampling_cases import NUM_FAST, NUM_ROWS, Row, rows

from pensieve.engine.sampling.best_sampler import best_sampler
from pensieve.engine.sampling.operations import draw_by_operations
from pensieve.engine.sampling.sampler import Sampler
from pensieve.engine.sampling.sequence import SequenceDraws
from pensieve.link.messages import SamplingParams

SAMPLERS = {
    "MLX operations": lambda logits: draw_by_operations,
    "the best": lambda logits: best(logits.shape[1], logits.dtype),
}


@cache
def best(vocab_size: int, dtype: mx.Dtype) -> Sampler:
    return best_sampler(vocab_size, dtype).sampler


def logits_of(row: Row) -> mx.array:
    values = mx.array(row.logits)
    return (values.view(mx.bfloat16) if row.logits.dtype == np.uint16 else values)[None]


def draws_of(row: Row) -> SequenceDraws:
    """Return a sequence that has these parameters in single precision."""
    inverse, top_p, min_gap, repetition, _, presence, frequency, _ = map(
        float, row.reals
    )
    top_k, low, high, position, is_greedy = map(int, row.words[:5])
    params = SamplingParams(
        seed=low | high << 32,
        temperature=0.0 if is_greedy else 1 / inverse,
        top_k=top_k,
        top_p=top_p,
        min_p=math.exp(-min_gap),
        repetition_penalty=repetition,
        presence_penalty=presence,
        frequency_penalty=frequency,
    )
    history = None if row.history is None else row.history.copy()
    return SequenceDraws(params, position, history, row.bias)


@pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS.keys())
@pytest.mark.parametrize(
    "num_rows",
    [
        pytest.param(NUM_FAST, id="some"),
        pytest.param(NUM_ROWS, id="all", marks=pytest.mark.patient),
    ],
)
def test_every_answer_is_a_right_one(sampler, num_rows):
    wrong = []
    for row in rows(range(num_rows)):
        logits = logits_of(row)
        drawn = sampler(logits)(logits, [draws_of(row)], [row.mask])
        answer = drawn.tokens.item(), drawn.errors.item(), drawn.log_probs.item()
        if not row.right_answers.accept(*answer):
            wrong.append((row.name, answer, row.right_answers))

    assert not wrong
