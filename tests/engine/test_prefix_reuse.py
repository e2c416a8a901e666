"""Sequences that begin like others: computed once, and the same as if they were not."""

import mlx.core as mx
import pytest
from engine.character_vocabulary import END, VOCABULARY, ids
from engine.drawn import mlx_lm_sampler
from engine.tiny_models import (
    VOCAB_SIZE,
)
from mlx_lm.generate import generate_step
from mlx_lm.models.cache import make_prompt_cache

from pensieve.engine.constraints.builder import built
from pensieve.engine.constraints.grammar import GrammarCompiler
from pensieve.engine.generation.generator import CHECKPOINT_INTERVAL
from pensieve.engine.prefix_cache.prefix_cache import PrefixCache
from pensieve.engine.prefix_cache.snapshots import Layout
from pensieve.engine.sampling.operations import draw_by_operations
from pensieve.engine.scheduling.refusal import refusal
from pensieve.engine.scheduling.scheduler import Scheduler
from pensieve.link.messages import (
    Admitted,
    Constraint,
    Finished,
    Sampled,
    SamplingParams,
    Submit,
)

GREEDY = SamplingParams(seed=0, temperature=0)


class Counting:
    """A model that counts the prompt tokens which it computes."""

    def __init__(self, model) -> None:
        self.model = model
        self.num_prefilled = 0

    def __call__(self, tokens, cache):
        # A decode step has one token a row, and so has each prompt's last.
        self.num_prefilled += tokens.size if tokens.shape[1] > 1 else 0
        return self.model(tokens, cache=cache)

    def __getattr__(self, attribute):
        return getattr(self.model, attribute)


class Engine:
    """A scheduler with a prefix cache, whose steps are made at once."""

    def __init__(
        self, model, budget_bytes=1 << 30, prefill_chunk=16, restore=None
    ) -> None:
        self.model = Counting(model)
        self.prefixes = PrefixCache(Layout(make_prompt_cache(model)), budget_bytes)
        self.scheduler = Scheduler(
            self.model,
            VOCAB_SIZE,
            draw_by_operations,
            self._build,
            max_batch_size=4,
            prefill_chunk=prefill_chunk,
            prefixes=self.prefixes,
            restore=restore,
        )
        self.events = []

    def _build(self, connection_id, submit, vocab_size):
        compiler = GrammarCompiler(VOCABULARY)
        self.scheduler.take_built(built(compiler, connection_id, submit, vocab_size))

    def submit(self, *submits):
        for submit in submits:
            self.scheduler.submit(0, submit)

    def step(self, times=1):
        for _ in range(times):
            self.scheduler.decode()
            self.scheduler.prefill()
            self.events += self.scheduler.take_events().get(0, [])

    def run(self, *submits):
        """Let sequences run to their ends; return the first one's tokens."""
        self.submit(*submits)
        while self.scheduler.has_work:
            self.step()
        return self.tokens(submits[0].sequence_id) if submits else []

    def tokens(self, sequence_id) -> list[int]:
        sampled = [event for event in self.events if isinstance(event, Sampled)]
        return [
            token
            for event in sampled
            for named, token in zip(event.sequence_ids, event.token_ids, strict=True)
            if named == sequence_id
        ]

    def admitted(self, sequence_id) -> Admitted:
        [admitted] = [
            event
            for event in self.events
            if isinstance(event, Admitted) and event.sequence_id == sequence_id
        ]
        return admitted


def prompt(size: int, salt: int = 0) -> list[int]:
    return [(7 * i + 13 * salt + 5 + i * i * salt) % VOCAB_SIZE for i in range(size)]


def submission(sequence_id, token_ids, max_tokens=6, sampling=GREEDY, **fields):
    size = fields.pop("prompt_size", len(token_ids))
    return Submit(
        sequence_id, list(token_ids), max_tokens, [], sampling, size, **fields
    )


def alone(model, submit: Submit) -> list[int]:
    """Return what mlx-lm's own loop samples for one sequence, with no cache."""
    steps = generate_step(
        mx.array(submit.token_ids),
        model,
        max_tokens=submit.max_tokens,
        sampler=mlx_lm_sampler(submit, VOCAB_SIZE),
    )
    return [token for token, _ in steps]


@pytest.mark.parametrize(
    "sampling", [GREEDY, SamplingParams(seed=9)], ids=["greedy", "seeded"]
)
def test_a_second_turn_prefills_only_what_is_new(model, sampling):
    engine = Engine(model)
    answer = engine.run(submission(1, prompt(60), sampling=sampling))
    before = engine.model.num_prefilled
    second = submission(2, prompt(60) + answer + prompt(20, salt=1), sampling=sampling)

    tokens = engine.run(second)

    assert engine.admitted(2) == Admitted(2, 66, newly_cached_tokens=19)
    assert engine.model.num_prefilled - before == 19
    assert tokens == alone(model, second)


def test_a_prompt_that_comes_again_computes_one_token(model):
    engine = Engine(model)
    first = engine.run(submission(1, prompt(60)))
    before = engine.model.num_prefilled

    again = engine.run(submission(2, prompt(60)))

    assert engine.admitted(2) == Admitted(2, 59, newly_cached_tokens=0)
    assert engine.model.num_prefilled == before
    assert again == first


def test_a_prefill_that_was_broken_off_is_gone_on_with(model):
    engine = Engine(model, prefill_chunk=16)
    engine.submit(submission(1, prompt(100)))
    engine.step(3)
    engine.scheduler.cancel(0, 1)
    again = submission(2, prompt(100))

    tokens = engine.run(again)

    assert engine.admitted(2).cached_tokens == 48
    assert engine.model.num_prefilled == 99
    assert tokens == alone(model, again)


def test_an_answer_that_was_broken_off_is_kept_so_far(model):
    engine = Engine(model)
    engine.submit(submission(1, prompt(40), max_tokens=50))
    while len(engine.tokens(1)) < 5:
        engine.step()
    engine.scheduler.cancel(0, 1)
    said = engine.tokens(1)
    later = submission(2, prompt(40) + said + [1, 2, 3])

    tokens = engine.run(later)

    assert engine.admitted(2).cached_tokens == 40 + len(said)
    assert tokens == alone(model, later)


def test_an_answer_whose_last_tokens_are_taken_back_is_kept_before_them(
    model_by_checkpoint,
):
    """As at a stop sequence, which the client's side finds some tokens later."""
    engine = Engine(model_by_checkpoint)
    engine.submit(submission(1, prompt(40), max_tokens=900))
    while len(engine.tokens(1)) < 200:
        engine.step()
    said = engine.tokens(1)
    engine.scheduler.cancel(0, 1)
    later = submission(2, prompt(40) + said[:-5] + [1, 2, 3])

    tokens = engine.run(later)

    kept = (40 + len(said)) // CHECKPOINT_INTERVAL * CHECKPOINT_INTERVAL
    assert engine.admitted(2).cached_tokens == kept
    assert tokens == alone(model_by_checkpoint, later)


def test_an_answer_that_ended_leaves_no_states_inside_it(model_by_checkpoint):
    engine = Engine(model_by_checkpoint)
    said = engine.run(submission(1, prompt(40), max_tokens=200))

    for size, restorable in [(150, 39), (199, 39), (200, 240)]:
        asked = [*prompt(40), *said[:size], 0]
        assert engine.prefixes.restorable_size(asked) == restorable


def test_a_sub_agent_begins_behind_the_head_that_it_shares(model):
    engine = Engine(model)
    head = prompt(64)
    engine.run(submission(1, head + prompt(50, salt=1), head_size=64))

    agent = submission(2, head + prompt(30, salt=2), head_size=64)
    tokens = engine.run(agent)

    assert engine.admitted(2).cached_tokens == 64
    assert tokens == alone(model, agent)


def test_where_sequences_part_the_third_one_finds_a_checkpoint(model_by_checkpoint):
    """Nobody said where the head ends."""
    engine = Engine(model_by_checkpoint)
    head = prompt(64)
    thirds = [submission(i, [*head, i, *prompt(30, salt=i)]) for i in (1, 2, 3)]
    for each in thirds:
        engine.run(each)

    assert [engine.admitted(i).cached_tokens for i in (1, 2, 3)] == [0, 0, 64]
    assert engine.tokens(3) == alone(model_by_checkpoint, thirds[2])


def test_two_that_come_together_compute_what_they_share_once(model):
    engine = Engine(model)
    head = prompt(64)
    both = [submission(i, [*head, i, *prompt(30, salt=i)]) for i in (1, 2)]

    engine.run(*both)

    assert engine.admitted(2).cached_tokens == 64
    assert engine.model.num_prefilled == 94 + 30
    for each in both:
        assert engine.tokens(each.sequence_id) == alone(model, each)


def test_one_that_waits_for_a_prefix_lets_others_pass(llama):
    engine = Engine(llama)
    engine.submit(submission(1, prompt(200)), submission(2, prompt(200)))
    engine.submit(submission(3, prompt(20, salt=3)))

    engine.run()

    order = [e.sequence_id for e in engine.events if isinstance(e, Admitted)]
    assert order == [3, 1, 2]
    assert engine.tokens(1) == engine.tokens(2)


def test_one_that_waits_for_a_prefix_that_is_broken_off_goes_on_with_it(model):
    engine = Engine(model)
    engine.submit(submission(1, prompt(200)), submission(2, prompt(200)))
    engine.step(2)
    engine.scheduler.cancel(0, 1)

    tokens = engine.run(submission(3, prompt(5, salt=3))) and engine.tokens(2)

    assert engine.admitted(2).cached_tokens == 32
    assert tokens == alone(model, submission(2, prompt(200)))


def test_one_that_comes_when_the_shared_part_is_done_need_not_wait(llama):
    engine = Engine(llama)
    engine.submit(submission(1, prompt(200)))
    engine.step(5)
    engine.submit(submission(2, [*prompt(60), 0, 1, 2]))

    engine.step()

    assert engine.admitted(2).cached_tokens == 60


def test_rows_with_prefixes_of_all_lengths_get_what_each_gets_alone(model):
    engine = Engine(model)
    for salt in range(3):
        engine.run(submission(salt, prompt(20 + 9 * salt, salt)))
    batch = [
        submission(
            10 + i,
            prompt(20 + 9 * (i % 3), i % 3) + prompt(3 * i + 1, salt=7),
            max_tokens=5 + i,
            sampling=GREEDY if i % 2 else SamplingParams(seed=i, top_k=9),
        )
        for i in range(6)
    ]

    engine.run(*batch)

    for each in batch:
        assert engine.tokens(each.sequence_id) == alone(model, each)


def test_a_constrained_row_obeys_behind_a_prefix_too(model):
    grammar = Constraint("start: /[a-z]{3,9}[.!]/")

    def asked(sequence_id, text):
        submit = submission(sequence_id, ids(text), 30, constraint=grammar)
        submit.end_token_ids.append(END)
        return submit

    cold, warm = Engine(model, budget_bytes=0), Engine(model)
    warm.run(asked(1, "once upon a time there was a cat"))
    text = "once upon a time there was a cat that sang"

    answer = warm.run(asked(2, text))

    assert warm.admitted(2).cached_tokens > 20
    assert answer == cold.run(asked(2, text))
    assert cold.admitted(2) == Admitted(2, 0, 0)


def test_what_an_engine_that_died_had_sampled_is_gone_on_with(model):
    """The prompt is known, as from a retry; of the rest nothing is."""
    whole = submission(1, prompt(60), max_tokens=12, sampling=SamplingParams(seed=3))
    expected = alone(model, whole)
    engine = Engine(model)
    engine.run(submission(1, prompt(60), max_tokens=12, sampling=whole.sampling))
    rest = submission(
        2, prompt(60) + expected[:7], 5, sampling=whole.sampling, prompt_size=60
    )

    assert engine.run(rest) == expected[7:]
    assert engine.admitted(2) == Admitted(2, 59, newly_cached_tokens=0)


def test_a_budget_too_small_for_a_prompt_changes_no_answer(model):
    engine = Engine(model, budget_bytes=6000)
    for sequence_id in range(4):
        submit = submission(sequence_id, prompt(80, sequence_id % 2))

        assert engine.run(submit) == alone(model, submit)
        assert engine.prefixes.nbytes <= 6000


def test_without_a_cache_nothing_is_said_to_be_in_it(llama):
    engine = Engine(llama, budget_bytes=0)
    for sequence_id in (1, 2):
        engine.run(submission(sequence_id, prompt(60)))

    assert engine.admitted(2) == Admitted(2, 0, 0)
    assert engine.events[-1] == Finished(2, "max_tokens")


@pytest.mark.parametrize("head_size", [-1, 5])
def test_a_head_beyond_the_prompt_is_refused(head_size):
    submit = submission(1, prompt(4), head_size=head_size)

    assert refusal(submit, VOCAB_SIZE) == f"head_size: expected 0 to 4, got {head_size}"
