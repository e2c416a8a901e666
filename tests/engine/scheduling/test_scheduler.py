import mlx.core as mx
import pytest
from engine.drawn import mlx_lm_sampler
from engine.tiny_models import VOCAB_SIZE, tiny_gemma3, tiny_llama
from mlx_lm.generate import generate_step

from pensieve.engine.sampling.operations import draw_by_operations
from pensieve.engine.scheduling.refusal import refusal
from pensieve.engine.scheduling.scheduler import Scheduler
from pensieve.link.messages import (
    Admitted,
    Failed,
    Finished,
    Prefilled,
    Refused,
    Sampled,
    SamplingParams,
    Submit,
)

GREEDY = SamplingParams(seed=0, temperature=0)


@pytest.fixture(
    scope="module", params=[tiny_llama, tiny_gemma3], ids=["llama", "gemma3"]
)
def model(request):
    return request.param()


def no_grammars(*_):
    raise AssertionError("nothing here has a grammar")


def scheduler(
    model, max_batch_size=8, prefill_chunk=4, sampler=draw_by_operations
) -> Scheduler:
    return Scheduler(
        model,
        VOCAB_SIZE,
        sampler,
        no_grammars,
        max_batch_size=max_batch_size,
        prefill_chunk=prefill_chunk,
    )


def prompt(size: int, salt: int = 0) -> list[int]:
    return [(7 * i + 13 * salt + 5) % VOCAB_SIZE for i in range(size)]


def submission(
    sequence_id=1, token_ids=(3, 4, 5), max_tokens=6, ends=(), sampling=GREEDY
):
    return Submit(
        sequence_id,
        list(token_ids),
        max_tokens,
        list(ends),
        sampling,
        prompt_size=len(token_ids),
    )


def alone(model, submit: Submit) -> list[int]:
    """Return what mlx-lm's own loop samples for one sequence."""
    steps = generate_step(
        mx.array(submit.token_ids),
        model,
        max_tokens=submit.max_tokens,
        sampler=mlx_lm_sampler(submit, VOCAB_SIZE),
    )
    return [token for token, _ in steps]


def step(batch: Scheduler) -> None:
    batch.decode()
    batch.prefill()


def run(batch: Scheduler, connection_id: int = 0, steps: int = 500) -> list:
    """Step until there is nothing to do; return the events of one connection."""
    events = []
    for _ in range(steps):
        if not batch.has_work:
            break
        step(batch)
        events += batch.take_events().get(connection_id, [])
    assert not batch.has_work
    return events


def tokens(events, sequence_id=1) -> list[int]:
    return [
        token
        for event in events
        if isinstance(event, Sampled)
        for named, token in zip(event.sequence_ids, event.token_ids, strict=True)
        if named == sequence_id
    ]


def of_type(events, kind) -> list:
    return [event for event in events if isinstance(event, kind)]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 6, 30])
def test_a_sequence_gets_the_tokens_that_mlx_lm_gives_it(model, size):
    batch, submit = scheduler(model), submission(token_ids=prompt(size))
    batch.submit(0, submit)

    events = run(batch)

    assert tokens(events) == alone(model, submit)
    assert events[0] == Admitted(1, cached_tokens=0)
    assert events[-1] == Finished(1, "max_tokens")


@pytest.mark.parametrize(
    "sampling",
    [GREEDY, SamplingParams(seed=5), SamplingParams(seed=6, top_k=20, top_p=0.9)],
    ids=["greedy", "seeded", "filtered"],
)
def test_sequences_that_come_and_go_get_what_each_gets_alone(model, sampling):
    """Prompts of many lengths, arriving at different steps, some greedy."""
    batch = scheduler(model, max_batch_size=3)
    submits = {
        i: submission(
            i,
            prompt(1 + 7 * i, i),
            4 + 3 * i,
            sampling=GREEDY if i % 3 == 0 else sampling,
        )
        for i in range(7)
    }
    events = []
    for submit in submits.values():
        batch.submit(0, submit)
        step(batch)
        events += batch.take_events().get(0, [])

    events += run(batch)

    for i, submit in submits.items():
        assert tokens(events, i) == alone(model, submit), f"sequence {i}"


def test_the_continuation_of_a_sequence_is_what_it_would_have_been(model):
    whole = submission(
        token_ids=prompt(9), max_tokens=12, sampling=SamplingParams(seed=77)
    )
    expected = alone(model, whole)
    batch = scheduler(model)
    rest = submission(
        token_ids=prompt(9) + expected[:5], max_tokens=7, sampling=whole.sampling
    )
    batch.submit(0, rest)

    assert tokens(run(batch)) == expected[5:]


def test_an_end_token_finishes_a_sequence_and_is_not_sent(model):
    submit = submission(token_ids=prompt(6), max_tokens=20)
    expected = alone(model, submit)
    end = expected[3]
    never = next(token for token in range(VOCAB_SIZE) if token not in expected)
    batch = scheduler(model)
    batch.submit(0, submission(token_ids=prompt(6), max_tokens=20, ends=[never, end]))

    events = run(batch)

    assert tokens(events) == expected[: expected.index(end)]
    assert events[-1] == Finished(1, "end_token")


def test_an_end_token_at_the_last_place_is_an_end_token(model):
    submit = submission(token_ids=prompt(6), max_tokens=4)
    end = alone(model, submit)[-1]
    first = alone(model, submit).index(end)
    batch = scheduler(model)
    batch.submit(0, submission(token_ids=prompt(6), max_tokens=first + 1, ends=[end]))

    assert run(batch)[-1] == Finished(1, "end_token")


def test_progress_of_a_prompt_is_told_by_chunk(model):
    batch = scheduler(model, prefill_chunk=4)
    batch.submit(0, submission(token_ids=prompt(10), max_tokens=1))

    progress = of_type(run(batch), Prefilled)

    assert [(event.done_tokens, event.total_tokens) for event in progress] == [
        (4, 10),
        (8, 10),
        (10, 10),
    ]


def test_a_first_token_is_told_before_the_next_prompt_is_prefilled(model):
    batch = scheduler(model, prefill_chunk=4)
    batch.submit(0, submission(1, prompt(5), max_tokens=1))
    batch.submit(0, submission(2, prompt(400), max_tokens=1))
    batch.prefill()
    batch.take_events()

    batch.decode()

    assert tokens(batch.take_events()[0]) == alone(
        model, submission(1, prompt(5), max_tokens=1)
    )


def test_the_tokens_of_one_step_come_in_one_message_for_each_connection(model):
    batch = scheduler(model)
    for sequence_id in (1, 2):
        batch.submit(0, submission(sequence_id, [3], max_tokens=3))
    batch.submit(9, submission(1, [3], max_tokens=3))
    sampled = {0: [], 9: []}
    while batch.has_work:
        step(batch)
        for connection_id, events in batch.take_events().items():
            sampled[connection_id] += of_type(events, Sampled)

    assert [event.sequence_ids for event in sampled[0]] == [[1], [1, 2], [1, 2], [2]]
    assert [event.sequence_ids for event in sampled[9]] == [[1]] * 3


@pytest.mark.parametrize("steps", [0, 1, 2, 3, 4, 5, 8])
def test_a_cancelled_sequence_is_gone_at_the_next_step_and_others_go_on(model, steps):
    """Cancelled while it waits, is prefilled, passes over to decoding, or decodes."""
    batch = scheduler(model)
    kept = submission(1, prompt(14), max_tokens=20)
    batch.submit(0, kept)
    batch.submit(0, submission(2, prompt(9), max_tokens=20))
    events = []
    for _ in range(steps):
        step(batch)
        events += batch.take_events().get(0, [])

    batch.cancel(0, 2)
    later = run(batch)

    assert {getattr(event, "sequence_id", None) for event in later} <= {1, None}
    assert tokens(later, 2) == []
    assert tokens(events + later) == alone(model, kept)


def test_a_batch_that_was_emptied_by_cancelling_takes_new_sequences(model):
    batch, submit = scheduler(model), submission(2, prompt(8))
    batch.submit(0, submission(1, prompt(8), max_tokens=50))
    for _ in range(6):
        step(batch)
    batch.cancel(0, 1)
    assert not batch.has_work
    batch.submit(0, submit)

    assert tokens(run(batch), 2) == alone(model, submit)


def test_cancelling_what_is_not_there_is_nothing(model):
    scheduler(model).cancel(3, 4)


def test_a_connection_that_goes_takes_its_sequences_and_events_with_it(model):
    batch = scheduler(model, max_batch_size=2)
    kept = submission(1, prompt(5))
    batch.submit(0, kept)
    batch.submit(8, submission(1, prompt(5)))
    batch.submit(8, submission(2, prompt(5)))
    step(batch)

    batch.disconnect(8)

    assert 8 not in batch.take_events()
    assert tokens(run(batch)) == alone(model, kept)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"token_ids": []}, "token_ids: expected at least one token, got none"),
        ({"token_ids": [1, 96]}, "token_ids: expected ids of 0 to 95, got 96"),
        ({"token_ids": [-1]}, "token_ids: expected ids of 0 to 95, got -1"),
        ({"max_tokens": 0}, "max_tokens: expected at least 1, got 0"),
        (
            {"seed": 2**64},
            "seed: expected 64 bits without sign, got 18446744073709551616",
        ),
        ({"seed": -1}, "seed: expected 64 bits without sign, got -1"),
        ({"temperature": float("nan")}, "temperature: expected at least 0, got nan"),
        ({"temperature": float("inf")}, "temperature: expected at least 0, got inf"),
        ({"top_k": -1}, "top_k: expected at least 0, got -1"),
        ({"top_p": 0.0}, "top_p: expected above 0 and up to 1, got 0.0"),
        ({"min_p": 1.0}, "min_p: expected 0 to below 1, got 1.0"),
        (
            {"repetition_penalty": 0.0},
            "repetition_penalty: expected above 0 and up to 100, got 0.0",
        ),
        (
            {"repetition_penalty": float("inf")},
            "repetition_penalty: expected above 0 and up to 100, got inf",
        ),
        ({"presence_penalty": 2.5}, "presence_penalty: expected -2 to 2, got 2.5"),
        (
            {"frequency_penalty": float("nan")},
            "frequency_penalty: expected -2 to 2, got nan",
        ),
        ({"logit_bias": {96: 1.0}}, "logit_bias: expected ids of 0 to 95, got 96"),
        (
            {"logit_bias": {3: float("nan")}},
            "logit_bias: expected a number or -inf, got nan for 3",
        ),
    ],
)
def test_what_cannot_be_generated_is_refused_with_a_reason(change, message):
    sampling = {"seed": 1} | {
        name: value
        for name, value in change.items()
        if name in SamplingParams.__struct_fields__
    }
    fields = {name: value for name, value in change.items() if name not in sampling}

    submit = submission(**fields, sampling=SamplingParams(**sampling))

    assert refusal(submit, VOCAB_SIZE) == message


def test_a_refused_sequence_is_told_so_and_is_no_work(model):
    batch = scheduler(model)
    batch.submit(0, submission(4, token_ids=[]))

    assert not batch.has_work
    [refused] = batch.take_events()[0]
    assert refused == Refused(4, "token_ids: expected at least one token, got none")


def test_a_sequence_id_in_use_is_refused(model):
    batch = scheduler(model)
    batch.submit(0, submission(4))
    batch.submit(0, submission(4))

    [refused] = batch.take_events()[0]
    assert refused.message == "sequence_id: expected a new one, got 4 again"


def test_a_sequence_whose_logits_are_no_numbers_fails_alone(model):
    def sampler(logits, sequences, masks):
        is_last = mx.array([each.position == 8 for each in sequences])
        is_first = mx.array([each.params.seed == 7 for each in sequences])
        broken = mx.where((is_last & is_first)[:, None], mx.nan, logits)
        return draw_by_operations(broken, sequences, masks)

    batch = scheduler(model, sampler=sampler)
    batch.submit(0, submission(1, sampling=SamplingParams(seed=7, temperature=0)))
    batch.submit(0, submission(2, max_tokens=9))

    events = []
    while batch.has_work:
        step(batch)
        events += batch.take_events().get(0, [])

    sampled = [
        each
        for event in events
        if isinstance(event, Sampled)
        for each in event.sequence_ids
    ]
    assert (sampled.count(1), sampled.count(2)) == (5, 9)
    assert Failed(1, "the model's logits are not numbers") in events
    assert Finished(2, "max_tokens") in events
