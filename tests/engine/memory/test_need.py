"""What the model of a sequence's memory says, against what MLX really takes."""

import mlx.core as mx
import pytest
from engine.drawn import greedy_draws
from engine.tiny_models import (
    LLAMA,
    MODELS,
    randomised,
    tiny_gemma3,
    tiny_llama,
    tiny_qwen3_5,
    tiny_qwen3_next,
)
from mlx_lm.models import llama
from mlx_lm.models.cache import make_prompt_cache

from pensieve.engine.generation.decoding import Row
from pensieve.engine.generation.generator import Generator
from pensieve.engine.memory.need import CacheBytes, measured_need

CHUNK = 256


def wide_llama():
    """Keys and values are most of what it takes: 32 kB a token."""
    fields = {"num_hidden_layers": 16, "hidden_size": 256, "head_dim": 256}
    heads = {"num_attention_heads": 1, "num_key_value_heads": 1}
    return randomised(llama.Model(llama.ModelArgs.from_dict(LLAMA | fields | heads)))


def insert(generator, key, size, max_tokens) -> None:
    row = Row(key, max_tokens, [], greedy_draws())
    generator.insert(row, [(key + i) % 90 for i in range(size)])


def prefill(generator, key) -> None:
    while left := generator.prompts().get(key):
        generator.prefill(key, min(CHUNK, left))


def peak_bytes(work) -> int:
    """Return the most memory that some work takes beside what there was."""
    mx.synchronize()
    mx.clear_cache()
    mx.reset_peak_memory()
    before = mx.get_active_memory()
    work()
    mx.synchronize()
    return mx.get_peak_memory() - before


def generated(model, size, max_tokens=4) -> None:
    generator = Generator(model)
    insert(generator, 1, size, max_tokens)
    prefill(generator, 1)
    while generator.sizes():
        generator.decode()


@pytest.mark.parametrize("size", [1200, 2800])
@pytest.mark.parametrize("model", [tiny_llama, tiny_qwen3_next, wide_llama])
def test_a_prompts_peak_is_near_the_estimate(model, size):
    model = model()
    # On a loaded machine what is measured may be more, and never less.
    estimates = [measured_need(model, CHUNK).of(size, 4) for _ in range(3)]

    peak = peak_bytes(lambda: generated(model, size))

    assert 0.5 * peak < min(estimates) < 1.5 * peak


@pytest.mark.parametrize("model", MODELS)
def test_no_kind_of_model_takes_much_more_than_the_estimate(model):
    model = model()
    need = measured_need(model, CHUNK)

    peak = peak_bytes(lambda: generated(model, 2000))

    assert need.of(2000, 4) > 0.7 * peak


def test_a_row_that_joins_a_batch_takes_what_the_estimate_says():
    """All rows are as long as the longest, and the batch is copied."""
    model = wide_llama()
    need = measured_need(model, CHUNK)
    generator = Generator(model)
    for key in range(3):
        insert(generator, key, 200, 500)
        prefill(generator, key)
        generator.decode()

    def join() -> None:
        insert(generator, 7, 2000, 500)
        prefill(generator, 7)
        generator.decode()
        generator.decode()  # on a CPU the first one leaves the batch's step to it

    peak = peak_bytes(join)

    assert 3 * need.of(2000, 4) < need.of(2000, 4, others=3, longest=210)
    assert 0.7 * peak < need.of(2000, 4, others=3, longest=210) < 1.5 * peak


def test_a_models_caches_are_measured_token_by_token():
    model = wide_llama()
    cache = make_prompt_cache(model)
    model(mx.zeros((1, 5), mx.uint32), cache=cache)

    sizes = CacheBytes.measured(cache)

    a_layer = 2 * 256 * 4  # keys and values of a head, in float32
    assert sizes == CacheBytes(16 * a_layer, a_layer, (), 0)
    assert sizes.of(1) == sizes.of(256) == 256 * 16 * a_layer
    assert sizes.of(257) == 512 * 16 * a_layer


def test_a_window_takes_no_more_than_its_size():
    model = tiny_gemma3()
    cache = make_prompt_cache(model)
    model(mx.zeros((1, 5), mx.uint32), cache=cache)

    sizes = CacheBytes.measured(cache)

    assert sizes == CacheBytes(128, 128, ((128, 8), (128, 8)), 0)
    assert sizes.of(1024) - sizes.of(512) == 512 * 128


def test_a_state_takes_the_same_at_any_length():
    model = tiny_qwen3_5()
    cache = make_prompt_cache(model)
    model(mx.zeros((1, 5), mx.uint32), cache=cache)

    sizes = CacheBytes.measured(cache)

    assert sizes.fixed == sum(each.nbytes for each in cache[0].cache)
    assert sizes.of(1024) - sizes.of(512) == 512 * 128


def test_longer_prompts_and_answers_need_more():
    need = measured_need(wide_llama(), CHUNK)

    assert need.of(10, 0) < need.of(1000, 0) < need.of(100_000, 0)
    assert need.of(1000, 0) <= need.of(1000, 5000)
    assert need.of(100_000, 0) <= need.of(100_000, 0, others=1, longest=100_000)
    assert need.of(10, 0) < need.of(10, 0, others=3, longest=100_000)
