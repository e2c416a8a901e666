import logging

import mlx.core as mx
import pytest

from pensieve.engine.sampling.gumbel import vocabulary_noise
from pensieve.engine.sampling.kernels import agrees, best_noise, metal_noise

VOCAB_SIZE = 100
SPECIFIED = vocabulary_noise(VOCAB_SIZE)


def test_without_metal_the_mlx_operations_serve(monkeypatch):
    monkeypatch.setattr(mx.metal, "is_available", lambda: False)

    assert mx.array_equal(best_noise(VOCAB_SIZE)(5, 6), SPECIFIED(5, 6))


def test_a_kernel_that_rounds_differently_is_used():
    assert agrees(lambda seed, position: SPECIFIED(seed, position) + 1e-6, SPECIFIED)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda seed, position: SPECIFIED(seed, position + 1),
        lambda seed, position: SPECIFIED(seed ^ 1 << 63, position),
        lambda seed, position: SPECIFIED(seed, position) * mx.nan,
    ],
    ids=["position", "high word of the seed", "NaN"],
)
def test_a_kernel_that_differs_is_switched_off_with_a_warning(wrong, caplog):
    with caplog.at_level(logging.WARNING):
        assert not agrees(wrong, SPECIFIED)

    assert "switched off: expected noise within 0.0001" in caplog.text


@pytest.mark.skipif(mx.metal.is_available(), reason="runs where the kernel cannot")
def test_a_kernel_that_cannot_run_is_switched_off_with_a_warning(caplog):
    assert not agrees(metal_noise(VOCAB_SIZE), SPECIFIED)

    assert "switched off: it does not run" in caplog.text


@pytest.mark.skipif(not mx.metal.is_available(), reason="needs Metal")
def test_the_metal_kernel_passes_its_self_test():
    assert agrees(metal_noise(151_936), vocabulary_noise(151_936))
