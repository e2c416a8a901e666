import mlx.core as mx
import numpy as np
import pytest
from reference import sampling as reference

from pensieve.engine.sampling.operations import (
    draw_by_operations,
    most_likely,
    nucleus,
)
from pensieve.engine.sampling.sampler import NOT_A_NUMBER, NOTHING, Drawn
from pensieve.engine.sampling.sequence import SequenceDraws
from pensieve.engine.token_bits import bits_of
from pensieve.link.messages import SamplingParams

VOCAB_SIZE = 300

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


def drawn_of(logits, params, position=0, mask=None) -> Drawn:
    """Return the draw of one row."""
    sequence = SequenceDraws(params, position)
    return draw_by_operations(mx.array(logits)[None], [sequence], [mask])


def draw(logits, params, position=0, mask=None) -> int:
    return drawn_of(logits, params, position, mask).tokens.item()


SHAPES = {name: logits.astype(np.float32) for name, logits in logit_shapes().items()}


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS.keys())
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_every_token_is_the_one_that_sorting_in_float64_gives(shape, setting):
    params = SamplingParams(seed=2**63 + 5, **setting)

    drawn = [draw(shape, params, position) for position in range(10)]

    assert drawn == [reference.draw(shape, params, position) for position in range(10)]


@pytest.mark.parametrize("dtype", [mx.float16, mx.bfloat16])
def test_half_precision_logits_draw_as_their_float32_values_do(dtype):
    params = SamplingParams(seed=3, top_k=30, top_p=0.9)
    logits = mx.array(SHAPES["normal"]).astype(dtype)

    token = draw(logits, params, 8)

    assert token == reference.draw(np.array(logits.astype(mx.float32)), params, 8)


def test_of_equal_logits_the_lowest_ids_are_kept():
    logits = mx.array([-1.0, 0.0, -1.0, 0.0, -2.0, -1.0])
    weights = np.exp(np.array(logits))
    mass_of_four = (2 * weights[1] + 1.5 * weights[0]) / weights.sum()

    assert most_likely(logits, 3).tolist() == [0, 1, 3]
    assert nucleus(logits, -logits, mass_of_four).tolist() == [1, 1, 1, 1, 0, 0]


def test_logits_that_only_rounding_makes_equal_keep_their_order():
    """Their gaps to the largest are the same float."""
    logits = mx.array([-1e-8, 1e8, 1e-8])

    assert most_likely(logits, 2).tolist() == [1, 2]


def test_greedy_takes_the_lowest_id_of_equals():
    greedy = SamplingParams(seed=1, temperature=0)

    assert draw([0.0, 2.0, 2.0], greedy) == 1
    assert draw([3.0, 3.0, 1.0], greedy) == 0


def test_a_temperature_near_zero_is_greedy():
    logits = [0.0, 1.0, 1.0 + 2**-20]

    assert draw(logits, SamplingParams(seed=2, temperature=1e-30)) == 2


def test_the_smallest_usable_temperature_takes_the_most_likely_token():
    params = SamplingParams(seed=1, temperature=1e-5, top_p=0.9)

    assert draw(SHAPES["normal"], params) == int(np.argmax(SHAPES["normal"]))


def test_a_sequence_moves_on_by_one_position_a_draw():
    params = SamplingParams(seed=7)
    logits = mx.array(SHAPES["normal"])
    sequence = SequenceDraws(params, 100)

    drawn = [
        draw_by_operations(logits[None], [sequence], [None]).tokens.item()
        for _ in range(5)
    ]

    assert drawn == [draw(logits, params, 100 + i) for i in range(5)]


ERRONEOUS = {
    "plain": {},
    "filtered": {"top_k": 5, "top_p": 0.5},
    "greedy": {"temperature": 0},
}


@pytest.mark.parametrize("settings", ERRONEOUS.values(), ids=ERRONEOUS.keys())
def test_a_row_that_cannot_be_drawn_says_why_and_gives_a_valid_id(settings):
    params = SamplingParams(seed=1, **settings)
    one_nan = np.where(np.arange(VOCAB_SIZE) == 7, np.nan, SHAPES["normal"])
    for logits, error in (
        (np.full(VOCAB_SIZE, np.nan), NOT_A_NUMBER),
        (one_nan, NOT_A_NUMBER),
        (np.full(VOCAB_SIZE, -np.inf), NOTHING),
    ):
        drawn = drawn_of(logits.astype(np.float32), params)

        assert (drawn.errors.item(), drawn.tokens.item()) == (error, 0)
        assert np.isnan(drawn.log_probs.item())


def test_infinite_logits_share_the_mass():
    logits = np.where(np.isin(np.arange(VOCAB_SIZE), [5, 9]), np.inf, 0).astype("f4")

    drawn = drawn_of(logits, SamplingParams(seed=1))

    assert drawn.tokens.item() in (5, 9)
    assert drawn.log_probs.item() == pytest.approx(np.log(0.5))


def test_only_what_the_mask_allows_comes_as_often_as_it_should():
    """Frequencies over many positions, against what is left of the probabilities."""
    logits = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 0.5], np.float32)
    mask = bits_of([1, 3, 5], 6)

    num_draws = 4000
    tokens = [draw(logits, SamplingParams(seed=3), i, mask) for i in range(num_draws)]

    counts = np.bincount(tokens, minlength=6)
    weights = np.exp(logits) * [0, 1, 0, 1, 0, 1]
    for count, expected in zip(
        counts, num_draws * weights / weights.sum(), strict=True
    ):
        assert abs(count - expected) <= 4 * max(1.0, expected) ** 0.5


def test_a_log_probability_is_that_of_the_tempered_distribution():
    logits = SHAPES["normal"].astype(np.float64)
    params = SamplingParams(seed=5, temperature=0.7, top_k=3)

    drawn = drawn_of(SHAPES["normal"], params)

    tempered = logits / 0.7
    expected = tempered[drawn.tokens.item()] - np.log(np.exp(tempered).sum())
    assert drawn.log_probs.item() == pytest.approx(expected, abs=1e-5)


def test_a_bias_is_added_before_all_else():
    sequence = SequenceDraws(
        SamplingParams(seed=1, temperature=0, logit_bias={3: 50.0}),
        0,
        bias=np.where(np.arange(VOCAB_SIZE) == 3, 50, 0).astype(np.float32),
    )

    drawn = draw_by_operations(mx.array(SHAPES["normal"])[None], [sequence], [None])

    assert drawn.tokens.item() == 3


def test_draws_are_as_frequent_as_the_renormalised_probabilities():
    """Chi-square of 2,000 draws over what top-p 0.8 leaves of eight tokens."""
    logits = np.log([0.3, 0.2, 0.15, 0.12, 0.1, 0.06, 0.04, 0.03]).astype(np.float32)
    params = SamplingParams(seed=99, top_p=0.8)
    sequences = [SequenceDraws(params, i) for i in range(2_000)]
    rows = mx.broadcast_to(mx.array(logits), (2_000, 8))

    drawn = draw_by_operations(rows, sequences, [None] * 2_000)

    counts = np.bincount(np.array(drawn.tokens), minlength=8)

    kept = np.array([0.3, 0.2, 0.15, 0.12, 0.1]) / 0.87
    assert counts[5:].sum() == 0
    chi_square = ((counts[:5] - 2_000 * kept) ** 2 / (2_000 * kept)).sum()
    assert chi_square < 18.47  # 99.9 % of chi-square with 4 degrees of freedom
