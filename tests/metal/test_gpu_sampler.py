"""The engine's sampler for a GPU, on emulated kernels: its own part of the work."""

import mlx.core as mx
import numpy as np
import pytest
from engine.tiny_models import VOCAB_SIZE, tiny_llama
from sampling_cases import Batch

from pensieve.engine.generation.decoding import Row
from pensieve.engine.generation.generator import Generator
from pensieve.engine.sampling import gpu_sampler
from pensieve.engine.sampling.best_sampler import difference
from pensieve.engine.sampling.gpu_kernels import Sizes, needed
from pensieve.engine.sampling.gpu_sampler import GpuSampler
from pensieve.engine.sampling.operations import draw_by_operations
from pensieve.engine.sampling.parameters import joined
from pensieve.engine.sampling.sampler import Drawn
from pensieve.engine.sampling.sequence import SequenceDraws, draws_of
from pensieve.engine.token_bits import bits_of
from pensieve.link.messages import SamplingParams, Submit

SIZES = Sizes(split_size=256, threads=64)
POSITION = 3
"""Of a row's words."""
SETTINGS = [
    {"temperature": 0},
    {"temperature": 0.8},
    {"top_k": 12, "top_p": 0.9},
    {"top_p": 0.8, "repetition_penalty": 1.3},
    {"temperature": 0, "presence_penalty": 1.5, "frequency_penalty": 0.2},
    {"min_p": 0.1, "logit_bias": {3: 2.5, 17: -1.0}},
]


@pytest.fixture
def sampler(emulated, monkeypatch):
    """Return what makes a GpuSampler for a vocabulary."""

    def made(vocab_size: int) -> GpuSampler:
        kernels = emulated(vocab_size, "float32", SIZES)
        returned: list[mx.array] = []

        def call(logits, params, histories=None, biases=None, masks=None, *, needs):
            made.is_sent = not any(params is each for each in returned)
            others = (histories, biases, masks)
            reals, words = np.split(np.array(params), 2, axis=1)
            reals = reals.view(np.float32)
            assert needs is needed(reals, words, logits.shape[1])
            others = [None if each is None else np.array(each) for each in others]
            batch = Batch(np.array(logits), reals, words, *others)
            drawn = Drawn(*map(mx.array, kernels(batch)))
            words[:, POSITION] += 1
            returned.append(mx.array(joined(reals, words)))
            return drawn, returned[-1]

        monkeypatch.setattr(gpu_sampler, "SamplingKernels", lambda: call)
        return GpuSampler()

    return made


def test_it_passes_the_self_test_of_the_start(sampler):
    assert difference(sampler(1003), 1003, mx.float32) == ""


def test_histories_grow_by_what_is_drawn(sampler):
    params = SamplingParams(seed=1, temperature=0, frequency_penalty=2.0)
    history = np.zeros(1003, np.uint32)
    sequence = SequenceDraws(params, 5, history)
    logits = mx.array(np.random.default_rng(0).normal(0, 1, (1, 1003)), mx.float32)
    draw = sampler(1003)

    drawn = [draw(logits, [sequence], [None]).tokens.item() for _ in range(6)]

    counts = np.bincount(drawn, minlength=1003)
    assert len({*drawn}) > 1
    assert np.array_equal(sequence.history, 2 * counts)
    assert sequence.position == 11


def test_rows_that_stay_are_drawn_with_what_the_device_has(sampler):
    first, second, third = (
        SequenceDraws(SamplingParams(seed=i, top_k=20), 10 * i) for i in range(3)
    )
    logits = mx.array(np.random.default_rng(3).normal(0, 2, (9, 2, 1003)), mx.float32)
    draw = sampler(1003)
    mask = bits_of([7], 1003)

    steps = [
        ([first, second], [None, None], True),
        ([first, second], [None, None], False),
        ([first, second], [None, None], False),
        ([first, second], [mask, None], True),
        ([first, second], [None, None], True),
        ([second, first], [None, None], True),
        ([second, third], [None, None], True),
        ([second], [None], True),
        ([second], [None], False),
    ]
    for step_logits, (sequences, masks, is_sent) in zip(logits, steps, strict=True):
        rows = step_logits[: len(sequences)]
        twins = [SequenceDraws(each.params, each.position) for each in sequences]
        expected = draw_by_operations(rows, twins, masks)

        drawn = draw(rows, sequences, masks)

        assert sampler.is_sent is is_sent
        assert drawn.tokens.tolist() == expected.tokens.tolist()
        assert sequences == twins

    second.position += 1  # as if another had drawn
    draw(logits[0, :1], [second], [None])
    assert sampler.is_sent


def test_masks_are_each_rows_own(sampler):
    sequences = [SequenceDraws(SamplingParams(seed=i), 0) for i in range(3)]
    masks = [bits_of([7], 1003), None, bits_of([1000], 1003)]

    drawn = sampler(1003)(mx.zeros((3, 1003)), sequences, masks)

    tokens = drawn.tokens.tolist()
    assert (tokens[0], tokens[2]) == (7, 1000)
    assert drawn.errors.tolist() == [0, 0, 0]


def test_a_batch_gets_the_answers_that_the_mlx_operations_give(sampler):
    model = tiny_llama()

    def answers(draw) -> list[list[int]]:
        generator = Generator(model, sampler=draw)
        for key, setting in enumerate(SETTINGS):
            params = SamplingParams(seed=key, **setting)
            submit = Submit(key, [4, 9, 9, 17], 12, [], params, 4)
            row = Row(key, submit.max_tokens, [], draws_of(submit, VOCAB_SIZE))
            generator.insert(row, submit.token_ids)
            generator.prefill(key, 3)
        got: list[list[int]] = [[] for _ in SETTINGS]
        while step := generator.decode():
            for token in step:
                got[token.key].append(token.token_id)
        return got

    assert answers(sampler(VOCAB_SIZE)) == answers(draw_by_operations)
