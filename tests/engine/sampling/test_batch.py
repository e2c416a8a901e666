"""The arrays that C++ and the kernels read, field by field."""

import math

import mlx.core as mx
import numpy as np

from pensieve.engine.sampling.batch import batch_of, on_device
from pensieve.engine.sampling.parameters import NONE
from pensieve.engine.sampling.sequence import SequenceDraws, history_of
from pensieve.engine.token_bits import bits_of
from pensieve.link.messages import SamplingParams

SIZE = 40


def test_a_batch_has_each_rows_parameters_and_the_places_of_its_arrays():
    full = SamplingParams(
        seed=0x0123456789ABCDEF,
        temperature=0.5,
        top_k=20,
        top_p=0.9,
        min_p=0.1,
        repetition_penalty=4.0,
        presence_penalty=0.25,
        frequency_penalty=-0.5,
    )
    greedy = SamplingParams(seed=1, temperature=1e-6)
    history, bias = history_of([1], [2], SIZE), np.ones(SIZE, np.float32)
    mask = bits_of([3], SIZE)
    sequences = [
        SequenceDraws(greedy, 7),
        SequenceDraws(full, 8, history, bias),
        SequenceDraws(greedy, 9, history),
    ]

    batch = batch_of(sequences, [mask, None, mask])

    assert batch.reals.dtype == np.float32
    low = float(np.float32(-math.log(0.1)))
    top_p = float(np.float32(0.9))
    assert batch.reals.tolist() == [
        [1, 1, math.inf, 1, 1, 0, 0, 0],
        [2, top_p, low, 4, 0.25, 0.25, -0.5, 0],
        [1, 1, math.inf, 1, 1, 0, 0, 0],
    ]
    assert batch.words.dtype == np.uint32
    assert batch.words.tolist() == [
        [0, 1, 0, 7, 1, NONE, NONE, 0],
        [20, 0x89ABCDEF, 0x01234567, 8, 0, 0, 0, NONE],
        [0, 1, 0, 9, 1, 1, NONE, 1],
    ]
    assert (len(batch.histories), len(batch.biases), len(batch.masks)) == (2, 1, 2)


def test_extreme_parameters_stay_in_single_precisions_range():
    hot = SamplingParams(seed=0, temperature=1e300, top_k=2**40)

    batch = batch_of([SequenceDraws(hot, 0)], [None])

    assert batch.reals[0, 0] > 0
    assert batch.words[0, 0] == NONE


def test_arrays_go_to_the_device_as_one():
    history = history_of([0, 5], [5, 5, 6], SIZE)

    stacked = on_device([history, mx.array(history)])

    assert (stacked.shape, stacked.dtype) == ((2, SIZE), mx.uint32)
    assert stacked[1, [0, 5, 6, 7]].tolist() == [1, 5, 2, 0]
    assert on_device([]) is None
