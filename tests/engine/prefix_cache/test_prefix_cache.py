"""What comes out of the prefix cache is what a cold prefill computes."""

import mlx.core as mx
import pytest
from engine.tiny_models import (
    VOCAB_SIZE,
    name,
    tiny_gemma3,
    tiny_gpt_oss,
)
from mlx_lm.models.cache import ChunkedKVCache, QuantizedKVCache, make_prompt_cache

from pensieve.engine.prefix_cache.layers import batched
from pensieve.engine.prefix_cache.prefix_cache import PrefixCache
from pensieve.engine.prefix_cache.snapshots import Layout, arrays_in
from pensieve.errors import ModelError

TOLERANCE = 1e-4
PLENTY = 1 << 30


def prompt(size: int, salt: int = 0) -> list[int]:
    return [(7 * i + 13 * salt + 5 + i * i * salt) % VOCAB_SIZE for i in range(size)]


class Warm:
    """A model and its prefix cache."""

    def __init__(self, model, budget_bytes=PLENTY, run_size=4, template=None) -> None:
        self.model = model
        self.template = template or make_prompt_cache(model)
        self.prefixes = PrefixCache(Layout(self.template), budget_bytes, run_size)

    def learn(self, token_ids, pieces=(), head_size=0):
        """Compute a sequence from nothing and keep it, also at the ends of pieces."""
        cache, done = [*map(batched, make_prompt_cache(self.model))], 0
        for end in [*pieces, len(token_ids)]:
            self.model(mx.array([token_ids[done:end]]), cache=cache)
            self.prefixes.keep(token_ids[:end], cache, head_size=head_size)
            done = end
        return cache

    def logits(self, token_ids) -> tuple[int, mx.array]:
        """Return the cached size and the logits behind it, [num_tokens, vocab_size]."""
        hit = self.prefixes.find(token_ids)
        size, cache = hit or (0, make_prompt_cache(self.model))
        return size, self.model(mx.array([token_ids[size:]]), cache=cache)[0]

    def error(self, token_ids) -> tuple[int, float]:
        """Return the cached size and the largest difference from a cold prefill."""
        size, warm = self.logits(token_ids)
        cold = self.model(mx.array([token_ids]), cache=make_prompt_cache(self.model))[
            0, size:
        ]
        return size, mx.abs(warm - cold).max().item()


@pytest.mark.parametrize("size", [1, 7, 8, 9, 30])
def test_a_longer_sequence_goes_on_from_the_one_before_it(model, size):
    warm = Warm(model)
    warm.learn(prompt(size))

    cached, error = warm.error(prompt(size + 6))

    assert cached == size
    assert error < TOLERANCE


def test_a_turn_after_a_turn_goes_on_from_the_last(model):
    warm = Warm(model)
    for end in (9, 20, 33):
        size, cache = warm.prefixes.find(prompt(end)) or (0, None)
        cache = cache or [*map(batched, make_prompt_cache(model))]
        model(mx.array([prompt(end)[size:]]), cache=cache)
        warm.prefixes.keep(prompt(end), cache)

    cached, error = warm.error(prompt(40))

    assert cached == 33
    assert error < TOLERANCE


@pytest.mark.parametrize("shared", [1, 6, 12, 19])
def test_a_branch_goes_on_from_any_place(model_by_token, shared):
    warm = Warm(model_by_token)
    warm.learn(prompt(20))

    cached, error = warm.error([*prompt(20)[:shared], 0, *prompt(9, salt=1)])

    assert cached == shared
    assert error < TOLERANCE


def test_a_branch_goes_on_from_the_nearest_checkpoint_below(model_by_checkpoint):
    warm = Warm(model_by_checkpoint)
    warm.learn(prompt(30), pieces=[10, 20])

    cached, error = warm.error([*prompt(30)[:25], 0, *prompt(9, salt=1)])

    assert cached == 20
    assert error < TOLERANCE


@pytest.mark.parametrize("make", [tiny_gemma3, tiny_gpt_oss], ids=name)
def test_before_a_window_turns_over_a_branch_goes_on_from_any_place(make):
    warm = Warm(make(), run_size=16)
    warm.learn(prompt(8))

    cached, error = warm.error([*prompt(8)[:5], 0, *prompt(9, salt=1)])

    assert cached == 5
    assert error < TOLERANCE


def test_the_last_token_is_always_computed(model_by_token):
    warm = Warm(model_by_token)
    warm.learn(prompt(20))

    assert warm.prefixes.find(prompt(20)).size == 19
    assert warm.prefixes.restorable_size(prompt(20)) == 19
    assert warm.prefixes.find(prompt(1)) is None


def test_what_a_sequence_does_later_does_not_change_what_was_kept(model):
    warm = Warm(model)
    cache = warm.learn(prompt(10))
    hit = warm.prefixes.find(prompt(12))
    for each in (cache, hit.cache):
        for token in range(20):
            mx.eval(model(mx.array([[token]]), cache=each))

    cached, error = warm.error(prompt(14))

    assert cached == 10
    assert error < TOLERANCE


def test_a_hit_goes_on_without_growing_its_arrays(model_by_token):
    warm = Warm(model_by_token)
    warm.learn(prompt(300))
    hit = warm.prefixes.find(prompt(340))
    before = [array.shape for array in arrays_in(hit.cache)]

    model_by_token(mx.array([prompt(340)[hit.size :]]), cache=hit.cache)

    assert [array.shape for array in arrays_in(hit.cache)] == before


def test_rows_of_a_batch_are_kept_apart(model):
    warm = Warm(model)
    rows = [prompt(9), prompt(14, salt=1), prompt(4, salt=2)]
    batch = None
    for row in rows:
        cache = [*map(batched, make_prompt_cache(model))]
        mx.eval(model(mx.array([row]), cache=cache))
        for layer, other in zip(batch or [], cache, strict=bool(batch)):
            layer.extend(other)
        batch = batch or cache
    answers = [[3, 5, 7], [4, 6, 8], [9, 11, 13]]
    for tokens in zip(*answers, strict=True):
        mx.eval(model(mx.array(tokens)[:, None], cache=batch))

    for i, (row, answer) in enumerate(zip(rows, answers, strict=True)):
        warm.prefixes.keep(row + answer, batch, i)

    for row, answer in zip(rows, answers, strict=True):
        cached, error = warm.error([*row, *answer, 1, 2])
        assert cached == len(row) + 3
        assert error < TOLERANCE


def test_the_budget_is_kept(model):
    one = Warm(model)
    one.learn(prompt(12))
    budget_bytes = 3 * one.prefixes.nbytes
    warm = Warm(model, budget_bytes)

    for salt in range(1, 8):
        warm.learn(prompt(12, salt))
        assert 0 < warm.prefixes.nbytes <= budget_bytes

    cached, error = warm.error([*prompt(12, salt=7), 1])
    assert cached == 12
    assert error < TOLERANCE
    assert warm.prefixes.find([*prompt(12, salt=1), 1]) is None


def test_with_a_budget_of_nothing_nothing_is_kept(model):
    warm = Warm(model, budget_bytes=0)
    warm.learn(prompt(12))

    assert not warm.prefixes.is_on
    assert warm.prefixes.nbytes == 0
    assert warm.prefixes.find(prompt(14)) is None


def test_after_clearing_nothing_is_known(model_by_token):
    warm = Warm(model_by_token)
    warm.learn(prompt(12))

    warm.prefixes.clear()

    assert warm.prefixes.known_size(prompt(12)) == warm.prefixes.nbytes == 0


def test_quantised_caches_are_kept_as_they_are(model_by_token):
    """mlx-lm has no batch of them: one sequence, as its own loop runs it."""

    def quantised():
        return [QuantizedKVCache(group_size=32, bits=8) for _ in range(2)]

    class Wide:
        """Stands for attention: keys and values of 32 channels."""

        def __call__(self, tokens, cache):
            rows = mx.sin(tokens[:, None, :, None] * mx.arange(1, 33) / 7)
            both = [layer.update_and_fetch(rows, 2 * rows) for layer in cache]
            return mx.concatenate(
                [mx.dequantize(*k, 32, 8) + mx.dequantize(*v, 32, 8) for k, v in both],
                axis=1,
            )

    model, prefixes = Wide(), PrefixCache(Layout(quantised()), PLENTY, run_size=4)
    cache = quantised()
    model(mx.array([prompt(20)]), cache)
    prefixes.keep(prompt(20), cache)
    branch = prompt(20)[:13] + prompt(9, salt=1)

    hit = prefixes.find(branch)

    assert hit.size == 13
    warm = model(mx.array([branch[13:]]), hit.cache)
    assert mx.array_equal(warm, model(mx.array([branch]), quantised()))


def test_a_cache_of_a_foreign_kind_is_named():
    class LayerCache:
        pass

    with pytest.raises(ModelError, match="mlx-lm's own kinds, got LayerCache"):
        Layout([LayerCache()])


def test_which_caches_need_checkpoints_is_known():
    assert not Layout([QuantizedKVCache()]).has_states
    assert Layout([ChunkedKVCache(8), QuantizedKVCache()]).has_states
