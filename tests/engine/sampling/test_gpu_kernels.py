"""What `SamplingKernels` refuses and says of a batch; the kernels: tests/metal."""

import mlx.core as mx
import numpy as np
import pytest

from pensieve.engine.sampling.gpu_kernels import (
    Needs,
    SamplingKernels,
    Sizes,
    available_backend,
    needed,
)

ROW = {
    "logits": mx.zeros((2, 100)),
    "params": mx.zeros((2, 16), mx.uint32),
}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"logits": mx.zeros(100)}, r"logits: expected \[batch_size, vocab_size\]"),
        ({"logits": mx.zeros((2, 100), mx.int32)}, r"got \[2, 100\] of mlx.core.int32"),
        ({"logits": mx.zeros((2, 0))}, r"got \[2, 0\] of mlx.core.float32"),
        (
            {"params": mx.zeros((1, 16), mx.uint32)},
            r"params: expected \[2, 16\] of .*, got \[1, 16\]",
        ),
        ({"params": mx.zeros((2, 16))}, r"params: expected .* of mlx.core.uint32, got"),
        (
            {"histories": mx.zeros((1, 99), mx.uint32)},
            r"histories: expected \[-1, 100\]",
        ),
        (
            {"biases": mx.zeros((1, 101), mx.uint32)},
            r"biases: expected \[-1, 100\] of mlx.core.uint32, got \[1, 101\]",
        ),
        ({"masks": mx.zeros((1, 3), mx.uint32)}, r"masks: expected \[-1, 4\] of"),
    ],
)
def test_arrays_that_do_not_fit_together_are_refused(changed, message):
    with pytest.raises(ValueError, match=message):
        SamplingKernels("metal")(**(ROW | changed))


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"split_size": 4095}, "expected whole blocks of 4 tokens"),
        ({"threads": 48, "split_size": 192}, "expected whole blocks of 4 tokens"),
        ({"chain": 65}, "expected chain <= slots <= threads <= 1024"),
        ({"threads": 32}, "expected chain <= slots <= threads <= 1024"),
    ],
)
def test_sizes_that_the_kernels_cannot_have_are_refused(sizes, message):
    with pytest.raises(ValueError, match=message):
        Sizes(**sizes)


@pytest.mark.skipif(
    mx.metal.is_available() or mx.cuda.is_available(), reason="there is a GPU"
)
def test_without_a_gpu_there_is_no_backend():
    with pytest.raises(RuntimeError, match="expected a GPU, got an MLX without"):
        available_backend()


@pytest.mark.parametrize(
    ("top_k", "top_p", "is_greedy", "expected"),
    [
        (0, 1, 0, Needs.CHAINS),
        (0, 0.9, 0, Needs.MASSES),
        (0, 0.9, 1, Needs.CHAINS),
        (20, 0.9, 0, Needs.SELECTIONS),
        (20, 0.9, 1, Needs.CHAINS),
        (64, 0.9, 0, Needs.SELECTIONS),
        (65, 0.9, 0, Needs.MASSES),
        (65, 1, 0, Needs.MASSES),
        (65, 1, 1, Needs.CHAINS),
        (1000, 0.9, 0, Needs.MASSES),
        (2000, 1, 0, Needs.CHAINS),
    ],
)
def test_a_batch_needs_what_one_of_its_rows_does(top_k, top_p, is_greedy, expected):
    reals, words = np.ones((3, 8), np.float32), np.zeros((3, 8), np.uint32)
    words[:, 0] = 40
    reals[1, 1], words[1, 0], words[1, 4] = top_p, top_k, is_greedy

    assert needed(reals, words, 1000) is expected
