import mlx.core as mx
import numpy as np
import pytest
from reference import philox as reference

from pensieve.engine.sampling.gumbel import gumbel, token_noise, vocabulary_noise

SEED = 0xFEDCBA9876543210


@pytest.mark.parametrize("vocab_size", [1, 3, 4, 5, 130])
def test_the_noise_of_a_vocabulary_agrees_with_the_reference(vocab_size):
    noise = vocabulary_noise(vocab_size)(SEED, 17)

    expected = [reference.gumbel_noise(SEED, 17, token) for token in range(vocab_size)]
    np.testing.assert_allclose(np.array(noise), expected, rtol=0, atol=2e-6)


def test_some_tokens_get_the_noise_that_the_vocabulary_has_for_them():
    token_ids = mx.array([129, 0, 7, 64, 7], mx.uint32)

    some = token_noise(token_ids, SEED, 3)

    assert mx.array_equal(some, vocabulary_noise(130)(SEED, 3)[token_ids])


def test_noise_differs_by_seed_by_position_and_by_token():
    noise = vocabulary_noise(64)

    rows = [noise(1, 5), noise(2, 5), noise(1, 6), noise(1 + 2**32, 5)]

    values = np.array(mx.stack(rows)).ravel()
    assert len(set(values.tolist())) == values.size


def test_the_smallest_and_the_largest_word_give_the_ends_of_the_range():
    low, high = gumbel(mx.array([0, 2**32 - 1], mx.uint32)).tolist()

    assert low == pytest.approx(22.8739, abs=1e-3)
    assert high == pytest.approx(-2.8115, abs=1e-3)


def test_noise_has_the_mean_and_variance_of_a_gumbel_variate():
    noise = np.array(vocabulary_noise(200_000)(11, 0), np.float64)

    assert noise.mean() == pytest.approx(np.euler_gamma, abs=0.01)
    assert noise.var() == pytest.approx(np.pi**2 / 6, abs=0.03)
