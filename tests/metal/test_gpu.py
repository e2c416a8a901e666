"""The sampling kernels on this machine's GPU, beside the reference in float64.

`make test-metal` on a Mac, `make test-cuda` with an NVIDIA GPU. Where there is none,
the emulator's tests show what the same text computes.
"""

import os

import mlx.core as mx
import numpy as np
import pytest
import sampling_cases as cases

from pensieve.engine.sampling.gpu_kernels import (
    Needs,
    SamplingKernels,
    Sizes,
    available_backend,
    needed,
)
from pensieve.engine.sampling.parameters import joined

NUM_ROWS = int(os.environ.get("PENSIEVE_TEST_GPU_ROWS") or cases.NUM_FAST)
"""Of 5,200; from 320 on they have the vocabularies of real models."""
ROWS_OF_A_TEST = 80
LOGITS = {"float32": mx.float32, "float16": mx.float16, "uint16": mx.bfloat16}


def has_gpu() -> bool:
    try:
        return bool(available_backend()) and mx.default_device() == mx.gpu
    except RuntimeError:
        return False


pytestmark = pytest.mark.skipif(not has_gpu(), reason="this MLX has no GPU here")


def drawn(batch: cases.Batch, sizes: Sizes, needs: Needs | None = None):
    logits = mx.array(batch.logits)
    if batch.is_bfloat16:
        logits = logits.view(mx.bfloat16)
    biases = None if batch.biases is None else batch.biases.view(np.uint32)
    given = (joined(batch.reals, batch.words), batch.histories, biases, batch.masks)
    arrays = [None if array is None else mx.array(array) for array in given]
    needs = needs or needed(batch.reals, batch.words, batch.logits.shape[1], sizes)
    answers, _ = SamplingKernels(sizes=sizes)(logits, *arrays, needs=needs)
    return [np.array(answer) for answer in answers]


@pytest.mark.parametrize("first", range(0, NUM_ROWS, ROWS_OF_A_TEST))
def test_each_row_gets_a_right_answer(first):
    made = cases.rows(range(first, min(first + ROWS_OF_A_TEST, NUM_ROWS)))

    for rows, batch in cases.batches(made, 16):
        answers = drawn(batch, Sizes())
        for row, *answer in zip(rows, *answers, strict=True):
            assert row.right_answers.accept(*answer), (row.name, answer)


@pytest.mark.parametrize(
    ("sizes", "needs"),
    [
        (Sizes(), Needs.CHAINS),
        (Sizes(split_size=2048), Needs.MASSES),
        (Sizes(split_size=1024, threads=128, chain=2, measured=1), Needs.MASSES),
    ],
    ids=["by one threadgroup", "smaller splits", "short chains"],
)
def test_what_splits_hand_on_changes_no_answer(sizes, needs):
    def made(i: int) -> cases.Row:
        make = cases.edge_row if i % 4 == 3 else cases.plain_row
        return make(i, np.random.default_rng([9, i]), 32_000, "float32")

    rows = [*map(made, range(60))]
    answers = drawn(cases.batch(rows), sizes, needs)

    for row, *answer in zip(rows, *answers, strict=True):
        assert row.right_answers.accept(*answer), (row.name, answer)


def test_a_row_gets_the_same_to_the_bit_in_any_company():
    def made(i: int) -> cases.Row:
        return cases.plain_row(i, np.random.default_rng([6, i]), 32_000, "bfloat16")

    rows = [*map(made, range(64))]
    together = drawn(cases.batch(rows), Sizes())

    for i, row in enumerate(rows):
        for each, all_of_them in zip(
            drawn(cases.batch([row]), Sizes()), together, strict=True
        ):
            assert each.tobytes() == all_of_them[i].tobytes(), row.name
