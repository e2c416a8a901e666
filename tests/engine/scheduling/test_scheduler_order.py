"""Whose prompt the scheduler works on, and whom it lets in, on a model that counts."""

import mlx.core as mx
import pytest
from engine.drawn import mlx_lm_sampler
from engine.tiny_models import VOCAB_SIZE, tiny_llama
from mlx_lm.generate import generate_step

from pensieve.engine.prefix_cache.prefix_cache import PrefixCache
from pensieve.engine.prefix_cache.snapshots import Layout
from pensieve.engine.sampling.operations import draw_by_operations
from pensieve.engine.scheduling.prefill_pace import FixedPace
from pensieve.engine.scheduling.scheduler import Scheduler
from pensieve.link.messages import (
    Admitted,
    Finished,
    Prefilled,
    Sampled,
    SamplingParams,
    Submit,
)

GREEDY = SamplingParams(seed=0, temperature=0)
CHUNK = 10


@pytest.fixture(scope="module")
def llama():
    return tiny_llama()


class Counting:
    """A model that counts the tokens of each forward pass of a prompt."""

    def __init__(self, model) -> None:
        self.model = model
        self.chunks = []

    def __call__(self, tokens, cache):
        if tokens.shape[1] > 1:
            self.chunks.append(tokens.shape[1])
        return self.model(tokens, cache=cache)

    def __getattr__(self, attribute):
        return getattr(self.model, attribute)


class Run:
    """A scheduler, stepped by hand; `worked_on` is whose chunk each step computed."""

    def __init__(self, model, max_batch_size=16, prefill_chunk=CHUNK, prefixes=None):
        self.model = Counting(model)
        self.scheduler = Scheduler(
            self.model,
            VOCAB_SIZE,
            draw_by_operations,
            self._no_grammars,
            max_batch_size=max_batch_size,
            prefill_chunk=prefill_chunk,
            prefixes=prefixes,
        )
        self.events = []

    def _no_grammars(self, *_):
        raise AssertionError("nothing here has a grammar")

    def submit(self, sequence_id, size, conversation="", max_tokens=1, **fields):
        submit = submission(sequence_id, size, max_tokens, conversation, **fields)
        self.scheduler.submit(0, submit)
        return submit

    def step(self, times=1):
        for _ in range(times):
            self.scheduler.decode()
            self.scheduler.prefill()
            self.events += self.scheduler.take_events().get(0, [])

    def finish(self):
        for _ in range(5000):
            if not self.scheduler.has_work:
                return
            self.step()
        raise AssertionError("there is still work")

    def of(self, kind):
        return [e.sequence_id for e in self.events if isinstance(e, kind)]

    @property
    def worked_on(self):
        return self.of(Prefilled)

    def tokens(self, sequence_id):
        return [
            token
            for event in self.events
            if isinstance(event, Sampled)
            for named, token in zip(event.sequence_ids, event.token_ids, strict=True)
            if named == sequence_id
        ]


def submission(sequence_id, size, max_tokens=1, conversation="", **fields):
    sampling = fields.pop("sampling", GREEDY)
    salt = fields.pop("salt", sequence_id)
    tokens = [(7 * i + 13 * salt + i * i * salt + 5) % VOCAB_SIZE for i in range(size)]
    return Submit(
        sequence_id,
        tokens,
        max_tokens,
        [],
        sampling,
        size,
        conversation_id=conversation,
        **fields,
    )


def alone(model, submit):
    """Return what mlx-lm's own loop samples for one sequence."""
    steps = generate_step(
        mx.array(submit.token_ids),
        model,
        max_tokens=submit.max_tokens,
        sampler=mlx_lm_sampler(submit, VOCAB_SIZE),
    )
    return [token for token, _ in steps]


def test_a_step_computes_a_chunk_of_one_prompt(llama):
    run = Run(llama)
    run.submit(1, 35)
    run.submit(2, 35)

    run.finish()

    assert max(run.model.chunks) == CHUNK
    assert len(run.worked_on) == len(run.model.chunks) == 2 * 4


def test_the_shortest_prompt_is_first(llama):
    run = Run(llama)
    for sequence_id, size in [(1, 300), (2, 20), (3, 100)]:
        run.submit(sequence_id, size)

    run.finish()

    assert run.of(Finished) == [2, 3, 1]


def test_a_short_prompt_overtakes_a_long_one_and_waits_for_a_chunk_at_most(llama):
    run = Run(llama)
    run.submit(1, 500)
    run.step(10)
    run.submit(2, 15)

    run.step(2)

    assert run.worked_on[-2:] == [2, 2]


def test_a_long_prompt_among_short_ones_without_end_is_done_in_time(llama):
    """The oldest has every fourth chunk, however many come."""
    run = Run(llama)
    run.submit(0, 200)
    for i in range(1, 400):
        run.submit(i, CHUNK)
        run.step()
        if 0 in run.of(Finished):
            break

    assert run.worked_on.count(0) == 20
    assert len(run.worked_on) <= 4 * 20 + 1  # the last step tells its token


def test_eight_sub_agents_do_not_starve_anothers_single_request(llama):
    """All of them together would be 800 tokens; equal shares end it at 400."""
    run = Run(llama)
    for i in range(8):
        run.submit(i, 100, "eight")
    run.submit(9, 200, "single")

    run.finish()

    done = [i for i, who in enumerate(run.worked_on) if who == 9][-1] + 1
    assert done <= 2 * 200 // CHUNK
    assert sorted(run.of(Finished)) == [*range(8), 9]


def test_sub_agents_that_keep_coming_do_not_starve_anothers_single_request(llama):
    run = Run(llama)
    run.submit(1000, 300, "single")
    for i in range(400):
        run.submit(i, 40, "many")
        run.step()
        if 1000 in run.of(Finished):
            break

    assert len(run.worked_on) <= 2 * 300 // CHUNK + 4


def test_requests_without_a_conversation_are_no_conversation(llama):
    run = Run(llama)
    for i in range(4):
        run.submit(i, 100)
    run.submit(9, 150, "named")

    run.finish()

    assert run.of(Finished)[-1] == 9


def test_background_prompts_wait_for_all_others(llama):
    run = Run(llama)
    run.submit(1, 20, is_background=True)
    run.submit(2, 200)
    run.step(5)
    run.submit(3, 50)

    run.finish()

    assert run.of(Finished) == [3, 2, 1]


def test_a_background_prompt_is_broken_off_for_another_and_goes_on(llama):
    run = Run(llama)
    run.submit(1, 100, is_background=True)
    run.step(3)
    run.submit(2, 50)

    run.finish()

    assert run.worked_on == [1] * 3 + [2] * 5 + [1] * 7


def test_a_full_batch_lets_background_sequences_in_last(llama):
    run = Run(llama, max_batch_size=1)
    run.submit(1, 20)
    run.step()
    run.submit(2, 20, is_background=True)
    run.submit(3, 200)

    run.finish()

    assert run.of(Admitted) == [1, 3, 2]


def test_a_full_batch_lets_the_conversation_in_that_has_the_fewest_rows(llama):
    run = Run(llama, max_batch_size=3)
    for i in range(8):
        run.submit(i, 20, "many", max_tokens=9 + i)
    run.step()
    run.submit(9, 200, "single")

    run.finish()

    # The fourth place was the oldest's.
    assert run.of(Admitted)[:5] == [0, 1, 2, 3, 9]


def test_a_row_limit_below_the_batch_size_lets_nobody_in_and_sends_nobody_out(llama):
    run = Run(llama)
    for i in range(3):
        run.submit(i, 20, max_tokens=5 + i)
    run.step()
    run.scheduler.row_limit = 1
    run.submit(9, 20, max_tokens=3)
    run.step(3)

    assert run.of(Admitted) == [0, 1, 2]
    run.finish()
    assert run.of(Admitted) == [0, 1, 2, 9]
    assert run.events.index(Finished(2, "max_tokens")) < run.events.index(
        Admitted(9, 0)
    )


@pytest.mark.parametrize("steps", range(1, 9))
def test_a_prompt_that_is_cancelled_in_mid_prefill_holds_nobody_up(llama, steps):
    run = Run(llama)
    cancelled, kept = run.submit(1, 60), run.submit(2, 90, max_tokens=5)
    run.step(steps)
    run.scheduler.cancel(0, cancelled.sequence_id)
    before = len(run.worked_on)

    run.finish()

    assert 1 not in run.worked_on[before:]
    assert run.tokens(2) == alone(llama, kept)


def test_a_waiting_sequence_that_is_cancelled_is_forgotten(llama):
    run = Run(llama, max_batch_size=1)
    run.submit(1, 20)
    run.submit(2, 20)
    run.step()
    run.scheduler.cancel(0, 2)

    run.finish()

    assert run.of(Admitted) == [1]
    again = run.submit(2, 20, max_tokens=4)
    run.finish()
    assert run.tokens(2) == alone(llama, again)


def test_what_others_wait_for_is_as_urgent_as_they_are(llama):
    """A background prompt computes what one in the foreground begins with."""
    from mlx_lm.models.cache import make_prompt_cache

    prefixes = PrefixCache(Layout(make_prompt_cache(llama)), 1 << 30)
    run = Run(llama, prefixes=prefixes)
    run.submit(1, 100, salt=5, is_background=True)
    run.step(2)
    run.submit(2, 110, salt=5)
    run.submit(3, 300, salt=6)

    run.finish()

    assert run.of(Finished) == [1, 2, 3]
    assert sum(run.model.chunks) <= 99 + 10 + 299


@pytest.mark.parametrize("chunk", [1, 3, 7, 16, 1000])
@pytest.mark.parametrize("batch_size", [1, 2, 5])
@pytest.mark.parametrize(
    "sampling",
    [
        GREEDY,
        SamplingParams(seed=5, top_k=30),
        SamplingParams(seed=6, repetition_penalty=1.3, frequency_penalty=0.4),
        SamplingParams(seed=0, temperature=0, presence_penalty=1.0),
    ],
    ids=["greedy", "seeded", "penalised", "greedy, penalised"],
)
def test_tokens_depend_on_neither_order_nor_chunks(llama, chunk, batch_size, sampling):
    sizes = [30, 1, 12, 45, 2, 20]
    run = Run(llama, batch_size, FixedPace(chunk))
    for i, size in enumerate(sizes):
        run.submit(i, size, "even" if i % 2 else "", 8, sampling=sampling)
        run.step()
    run.finish()

    each = Run(llama)
    for i, size in enumerate(sizes):
        each.submit(i, size, max_tokens=8, sampling=sampling)
        each.finish()
    for i in range(len(sizes)):
        assert len(run.tokens(i)) == 8
        assert run.tokens(i) == each.tokens(i), f"sequence {i}"
