"""Which sampler is used, and what is said of one that draws wrongly."""

import logging

import mlx.core as mx
import pytest

from pensieve.engine.sampling import best_sampler as best
from pensieve.engine.sampling.best_sampler import best_sampler, difference
from pensieve.engine.sampling.operations import draw_by_operations
from pensieve.engine.sampling.sampler import NOTHING

VOCAB_SIZE = 5000
DTYPES = [mx.float32, mx.float16, mx.bfloat16]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("vocab_size", [1, 37, VOCAB_SIZE])
def test_here_the_best_one_is_as_specified(vocab_size, dtype):
    chosen = best_sampler(vocab_size, dtype)

    assert chosen.failure == ""
    assert str(chosen) in ("C++", "Metal", "CUDA")


def wrong_token(drawn):
    tokens = drawn.tokens.tolist()
    return drawn._replace(tokens=mx.array([*tokens[:7], tokens[7] ^ 1], mx.uint32))


def wrong_error(drawn):
    return drawn._replace(errors=mx.array([0] * 7 + [NOTHING], mx.uint32))


def wrong_log_prob(drawn):
    return drawn._replace(log_probs=drawn.log_probs * 1.01)


def no_log_prob(drawn):
    return drawn._replace(log_probs=drawn.log_probs * mx.nan)


def broken(drawn):
    raise RuntimeError("[metal_kernel] No Metal back-end.")


def wrong_without_penalties(drawn):
    return drawn if len(drawn.tokens) == 8 else wrong_log_prob(drawn)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (wrong_token, "draws wrongly: expected tokens ["),
        (wrong_error, "draws wrongly: expected errors [0, 0"),
        (wrong_log_prob, "draws with log-probabilities that are wrong by 0."),
        (wrong_without_penalties, "draws with log-probabilities that are wrong by 0."),
        (no_log_prob, "draws with log-probabilities that are wrong by nan"),
        (broken, "does not run: [metal_kernel] No Metal back-end."),
    ],
)
def test_one_that_draws_otherwise_is_switched_off_and_it_is_said(
    monkeypatch, caplog, change, message
):
    def sampler(*args):
        return change(draw_by_operations(*args))

    assert difference(sampler, VOCAB_SIZE, mx.float32).startswith(message)

    monkeypatch.setattr(best, "CpuSampler", lambda: sampler)
    monkeypatch.setattr(best, "GpuSampler", lambda: sampler)
    with caplog.at_level(logging.WARNING):
        chosen = best_sampler(VOCAB_SIZE, mx.float32)

    assert chosen.sampler is draw_by_operations
    assert message in str(chosen)
    assert message in caplog.text
