import mlx.core as mx
import numpy as np
import pytest
from reference import sampling as reference

from pensieve.engine.sampling.gumbel import vocabulary_noise
from pensieve.engine.sampling.sampler import (
    draw,
    greedy,
    most_likely,
    nucleus,
    sampler_for,
)
from pensieve.link.messages import SamplingParams

VOCAB_SIZE = 300
NOISE = vocabulary_noise(VOCAB_SIZE)

SETTINGS = {
    "temperature": {"temperature": 0.7},
    "hot": {"temperature": 2.0},
    "top_k": {"top_k": 20},
    "top_k of one": {"top_k": 1},
    "top_k above the vocabulary": {"top_k": 5000},
    "top_p": {"top_p": 0.9},
    "top_p tiny": {"top_p": 1e-6},
    "min_p": {"min_p": 0.05},
    "top_k, top_p": {"top_k": 40, "top_p": 0.8},
    "all": {"temperature": 1.3, "top_k": 50, "top_p": 0.95, "min_p": 0.02},
}


def logit_shapes():
    rng = np.random.default_rng(0)
    ranks = np.arange(1, VOCAB_SIZE + 1)
    return {
        "normal": rng.normal(0, 3, VOCAB_SIZE),
        "zipf": -1.1 * np.log(rng.permutation(ranks)),
        "flat": rng.normal(0, 1e-3, VOCAB_SIZE),
        "peaked": np.where(ranks == 140, 12.0, rng.normal(0, 1, VOCAB_SIZE)),
        "ties": rng.integers(-3, 4, VOCAB_SIZE).astype(float),
        "masked": np.where(ranks % 3 == 0, -np.inf, rng.normal(0, 2, VOCAB_SIZE)),
    }


SHAPES = {name: logits.astype(np.float32) for name, logits in logit_shapes().items()}


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS.keys())
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_every_token_is_the_one_that_sorting_in_float64_gives(shape, setting):
    params = SamplingParams(seed=2**63 + 5, **setting)
    logits = mx.array(shape)

    drawn = [draw(logits, params, position, NOISE).item() for position in range(10)]

    assert drawn == [reference.draw(shape, params, position) for position in range(10)]


@pytest.mark.parametrize("dtype", [mx.float16, mx.bfloat16])
def test_half_precision_logits_draw_as_their_float32_values_do(dtype):
    params = SamplingParams(seed=3, top_k=30, top_p=0.9)
    logits = mx.array(SHAPES["normal"]).astype(dtype)

    token = draw(logits, params, 8, NOISE).item()

    assert token == reference.draw(np.array(logits.astype(mx.float32)), params, 8)


def test_of_equal_logits_the_lowest_ids_are_kept():
    gaps = mx.array([1.0, 0.0, 1.0, 0.0, 2.0, 1.0])
    weights = np.exp(-np.array(gaps))
    mass_of_four = (2 * weights[1] + 1.5 * weights[0]) / weights.sum()

    assert most_likely(gaps, 3).tolist() == [0, 1, 3]
    assert nucleus(gaps, mass_of_four).tolist() == [1, 1, 1, 1, 0, 0]


def test_greedy_takes_the_lowest_id_of_equals():
    assert greedy(mx.array([[0.0, 2.0, 2.0], [3.0, 3.0, 1.0]])).tolist() == [1, 0]


def test_a_temperature_near_zero_is_greedy_and_shared():
    cold = sampler_for(SamplingParams(seed=1, temperature=0), 0, NOISE)
    nearly = sampler_for(SamplingParams(seed=2, temperature=1e-30), 9, NOISE)

    assert cold is nearly is greedy


def test_the_smallest_usable_temperature_takes_the_most_likely_token():
    params = SamplingParams(seed=1, temperature=1e-5, top_p=0.9)

    token = draw(mx.array(SHAPES["normal"]), params, 0, NOISE)

    assert token.item() == int(np.argmax(SHAPES["normal"]))


def test_a_sampler_moves_on_by_one_position_a_step():
    params = SamplingParams(seed=7)
    logits = mx.array(SHAPES["normal"])
    steps = sampler_for(params, 100, NOISE)

    drawn = [steps(logits[None]).item() for _ in range(5)]

    assert drawn == [draw(logits, params, 100 + i, NOISE).item() for i in range(5)]


@pytest.mark.parametrize(
    "params",
    [SamplingParams(seed=1), SamplingParams(seed=1, top_k=5, top_p=0.5)],
    ids=["plain", "filtered"],
)
def test_logits_that_are_no_numbers_give_some_valid_id(params):
    token = draw(mx.full((VOCAB_SIZE,), mx.nan), params, 0, NOISE)

    assert 0 <= token.item() < VOCAB_SIZE


def test_draws_are_as_frequent_as_the_renormalised_probabilities():
    """Chi-square of 2,000 draws over what top-p 0.8 leaves of eight tokens."""
    logits = np.log([0.3, 0.2, 0.15, 0.12, 0.1, 0.06, 0.04, 0.03]).astype(np.float32)
    params = SamplingParams(seed=99, top_p=0.8)
    noise = vocabulary_noise(8)
    draws = [draw(mx.array(logits), params, i, noise) for i in range(2_000)]

    counts = np.bincount(np.array(mx.stack(draws)), minlength=8)

    kept = np.array([0.3, 0.2, 0.15, 0.12, 0.1]) / 0.87
    assert counts[5:].sum() == 0
    chi_square = ((counts[:5] - 2_000 * kept) ** 2 / (2_000 * kept)).sum()
    assert chi_square < 18.47  # 99.9 % of chi-square with 4 degrees of freedom
