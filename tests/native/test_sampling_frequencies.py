"""How often tokens are drawn, by chi-square."""

import numpy as np
import pytest
from native.sampled import one_row

from pensieve._native.sampling import Sampler

MILLION = 1_000_000
FREQUENCY_SETTINGS = {
    "plain": {},
    "cold": {"temperature": 0.6},
    "top_k": {"top_k": 7},
    "top_p": {"top_p": 0.8},
    "min_p": {"min_p": 0.1},
    "all": {"temperature": 1.4, "top_k": 30, "top_p": 0.9, "min_p": 0.05},
}


@pytest.mark.patient
@pytest.mark.parametrize(
    "setting", FREQUENCY_SETTINGS.values(), ids=FREQUENCY_SETTINGS.keys()
)
def test_a_million_draws_are_as_frequent_as_the_probabilities(setting):
    """Chi-square over draws at a million positions of a row with 40 tokens."""
    assert chi_square_excess(setting, MILLION) < 0


def chi_square_excess(setting, num_draws: int) -> float:
    """Return chi-square less its 99.99 % quantile (Wilson and Hilferty's formula)."""
    logits = np.random.default_rng(12).normal(0, 1.5, 40).astype(np.float32)
    tokens = np.empty(num_draws, np.uint32)
    errors, log_probs = np.empty_like(tokens), np.empty(num_draws, np.float32)
    batch = one_row(logits, **setting)
    reals = np.repeat(batch.reals, num_draws, axis=0)
    words = np.repeat(batch.words, num_draws, axis=0)
    words[:, 3] = np.arange(num_draws)
    rows = np.repeat(batch.logits, num_draws, axis=0)
    Sampler().sample(rows, reals, words, tokens, errors, log_probs)
    counts = np.bincount(tokens, minlength=40)

    kept = kept_probabilities(logits, setting)
    assert counts[kept == 0].sum() == 0
    expected = num_draws * kept[kept > 0]
    chi_square = ((counts[kept > 0] - expected) ** 2 / expected).sum()
    freedom = len(expected) - 1
    spread = 2 / (9 * freedom)
    return chi_square - freedom * (1 - spread + 3.72 * np.sqrt(spread)) ** 3


def kept_probabilities(logits, setting) -> np.ndarray:
    """Return what the filters leave of a softmax, renormalised, [vocab_size]."""
    scaled = logits.astype(np.float64) / setting.get("temperature", 1)
    probs = np.exp(scaled - scaled.max())
    order = np.argsort(-probs)
    order = order[: setting.get("top_k", len(order))]
    mass = np.cumsum(probs[order])
    inside = mass - probs[order] < setting.get("top_p", 1) * mass[-1]
    inside &= probs[order] >= setting.get("min_p", 0)
    kept = np.zeros_like(probs)
    kept[order[inside]] = probs[order[inside]]
    return kept / kept.sum()


def test_the_chi_square_test_sees_a_planted_fault():
    """Draws that are a little too hot are told apart from right ones."""
    right = chi_square_excess({"temperature": 1.0}, 50_000)
    original = kept_probabilities

    def too_cold(logits, setting):
        return original(logits, {**setting, "temperature": 1.03})

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(globals(), "kept_probabilities", too_cold)
        wrong = chi_square_excess({"temperature": 1.0}, 50_000)

    assert right < 0 < wrong
