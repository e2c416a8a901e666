import pytest
from engine.engine_process import engine_spec
from engine.tiny_models import VOCAB_SIZE, tiny_gemma3, tiny_llama

from pensieve.engine.scheduling.chunk_ladder import MAX_CHUNK, MIN_CHUNK
from pensieve.engine.warm_up import (
    memory_need,
    prefix_cache,
    vocab_size,
    warm_up,
)
from pensieve.link.messages import Admitted, Prefilled, SamplingParams, Submit

GREEDY = SamplingParams(seed=0, temperature=0)


def no_grammars(*_):
    raise AssertionError("nothing here has a grammar")


@pytest.mark.parametrize("model", [tiny_llama, tiny_gemma3])
def test_the_vocabulary_is_as_wide_as_the_logits(model):
    assert vocab_size(model()) == VOCAB_SIZE


def test_a_warm_scheduler_has_nothing_to_do_and_nothing_to_tell():
    scheduler = warm_up(tiny_llama(), engine_spec("model", "socket"), no_grammars)

    assert not scheduler.has_work
    assert scheduler.take_events() == {}


def first_piece(**changes) -> int:
    """Return how much of a long prompt is computed first, by an engine made so."""
    spec = engine_spec("model", "socket", **changes)
    scheduler = warm_up(tiny_llama(), spec, no_grammars)
    size = 2 * MAX_CHUNK
    scheduler.submit(0, Submit(1, [5] * size, 1, [], SamplingParams(seed=0), size))

    scheduler.prefill()

    admitted, prefilled = scheduler.take_events()[0]
    assert admitted == Admitted(1, cached_tokens=0, newly_cached_tokens=size - 1)
    assert isinstance(prefilled, Prefilled)
    return prefilled.done_tokens


def test_the_chunk_is_the_one_asked_for():
    assert first_piece(prefill_chunk=100) == 100


def test_a_chunk_that_is_left_to_the_engine_is_one_that_it_has_tried(caplog):
    with caplog.at_level("INFO"):
        size = first_piece(prefill_chunk=0, prefill_target_ms=1)

    assert size in {MIN_CHUNK << i for i in range(8)}
    [told] = [each for each in caplog.messages if each.startswith("prefill chunk")]
    assert "the target is 1 ms" in told


def test_a_model_that_cannot_be_batched_is_found_out_before_anybody_waits():
    class Unmergeable:
        """A cache of a kind that mlx-lm has, but cannot put into a batch."""

        state = ()

    model = tiny_llama()
    type(model).make_cache = lambda self: [Unmergeable() for _ in self.layers]
    try:
        with pytest.raises(Exception, match="Unmergeable"):
            warm_up(model, engine_spec("model", "socket"), no_grammars)
    finally:
        del type(model).make_cache


@pytest.mark.parametrize(("budget_bytes", "is_on"), [(0, False), (4096, True)])
def test_the_prefix_cache_is_as_large_as_it_is_asked_for(budget_bytes, is_on):
    assert prefix_cache(tiny_llama(), budget_bytes).is_on == is_on


def test_the_prefix_cache_is_off_where_caches_are_of_a_foreign_kind(caplog):
    class Foreign:
        layers = ()

        def make_cache(self):
            return [object()]

    assert not prefix_cache(Foreign(), 4096).is_on
    assert "got object" in caplog.text


def test_a_warm_scheduler_knows_what_its_sequences_need():
    spec = engine_spec("model", "socket", prefill_chunk=8)
    scheduler = warm_up(tiny_llama(), spec, no_grammars)
    size = 1 << 40  # no machine has room for such a prompt

    assert scheduler.room.refusal(Submit(1, range(size), 1, [], GREEDY, size))
    assert not scheduler.room.refusal(Submit(1, [5] * 100, 1, [], GREEDY, 100))


def test_what_cannot_be_measured_is_not_refused():
    class Foreign:
        layers = ()

        def make_cache(self):
            return [object()]

    assert memory_need(Foreign(), 8) is None
