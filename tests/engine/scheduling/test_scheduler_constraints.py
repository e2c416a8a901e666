"""The scheduler's part in constraints: who waits for a grammar, and who does not."""

import pytest
from engine.character_vocabulary import END, VOCABULARY, ids, text
from engine.tiny_models import VOCAB_SIZE, tiny_llama

from pensieve.engine.constraints.builder import built
from pensieve.engine.constraints.grammar import GrammarCompiler
from pensieve.engine.sampling.operations import draw_by_operations
from pensieve.engine.scheduling.refusal import refusal
from pensieve.engine.scheduling.scheduler import Scheduler
from pensieve.link.messages import (
    Admitted,
    Constraint,
    Failed,
    Finished,
    Refused,
    Sampled,
    SamplingParams,
    Submit,
    ThinkingLimit,
)

GRAMMAR = 'start: /[a-z]{2,5}/ " " /[0-9]{3}/'
LIMIT = ThinkingLimit(4, True, [], ids("]"), ids("]!"))


class HeldGrammars:
    """Compiles grammars when it is told to."""

    def __init__(self) -> None:
        self.asked = []
        self._compiler = GrammarCompiler(VOCABULARY)

    def build(self, *asked) -> None:
        self.asked.append(asked)

    def finish(self, batch: Scheduler) -> None:
        while self.asked:
            batch.take_built(built(self._compiler, *self.asked.pop(0)))


@pytest.fixture
def grammars():
    return HeldGrammars()


@pytest.fixture
def batch(grammars):
    return Scheduler(
        tiny_llama(),
        VOCAB_SIZE,
        draw_by_operations,
        grammars.build,
        max_batch_size=4,
        prefill_chunk=8,
    )


def submit(sequence_id=1, grammar=GRAMMAR, limit=None, sampled="", **changes) -> Submit:
    prompt = ids("the prompt")
    fields = {
        "sequence_id": sequence_id,
        "token_ids": prompt + ids(sampled),
        "max_tokens": 40,
        "end_token_ids": [END],
        "sampling": SamplingParams(seed=7),
        "prompt_size": len(prompt),
        "constraint": Constraint(grammar, limit),
    }
    return Submit(**fields | changes)


def run(batch: Scheduler, connection_id: int = 0) -> list:
    events = []
    while batch.has_work:
        batch.decode()
        batch.prefill()
        events += batch.take_events().get(connection_id, [])
    return events + batch.take_events().get(connection_id, [])


def answer(events, sequence_id=1) -> str:
    return text(
        [
            token_id
            for event in events
            if isinstance(event, Sampled)
            for named, token_id in zip(event.sequence_ids, event.token_ids, strict=True)
            if named == sequence_id
        ]
    )


def test_a_sequence_is_admitted_once_its_grammar_is_compiled(batch, grammars):
    batch.submit(0, submit())

    assert not batch.has_work
    assert batch.take_events() == {}
    grammars.finish(batch)
    events = run(batch)

    assert events[0] == Admitted(1, cached_tokens=0)
    assert events[-1] == Finished(1, "end_token")
    letters, digits = answer(events).split(" ")
    assert letters.isalpha()
    assert digits.isdigit()


def test_what_has_no_grammar_decodes_while_others_compile(batch, grammars):
    batch.submit(0, submit(1))
    batch.submit(0, submit(2, grammar="", max_tokens=5, end_token_ids=[]))

    events = run(batch)

    assert events[-1] == Finished(2, "max_tokens")
    assert all(getattr(event, "sequence_id", 2) == 2 for event in events)
    grammars.finish(batch)
    assert run(batch)[-1] == Finished(1, "end_token")


def test_a_grammar_that_does_not_compile_is_refused(batch, grammars):
    batch.submit(0, submit(grammar="start: /[/"))
    grammars.finish(batch)

    (refused,) = run(batch)

    assert isinstance(refused, Refused)
    assert "invalid regex" in refused.message


def test_a_sequence_cancelled_while_its_grammar_compiles_never_begins(batch, grammars):
    batch.submit(0, submit(1))
    batch.submit(8, submit(1))
    batch.cancel(0, 1)
    batch.disconnect(8)

    grammars.finish(batch)

    assert not batch.has_work
    assert run(batch) == []


def test_the_name_of_a_cancelled_sequence_can_be_given_again(batch, grammars):
    batch.submit(0, submit(1, 'start: "first"'))
    batch.cancel(0, 1)
    batch.submit(0, submit(1, 'start: "second"'))

    grammars.finish(batch)

    assert answer(run(batch)) == "second"


def test_a_name_is_taken_while_its_grammar_compiles(batch, grammars):
    batch.submit(0, submit(1))
    batch.submit(0, submit(1, grammar=""))

    (refused,) = batch.take_events()[0]
    assert refused.message.startswith("sequence_id: ")
    grammars.finish(batch)
    assert run(batch)[-1] == Finished(1, "end_token")


def test_a_constrained_sequence_that_decodes_can_be_cancelled(batch, grammars):
    batch.submit(0, submit(1, 'start: /[a-z]*/ "."'))
    batch.submit(0, submit(2))
    grammars.finish(batch)
    for _ in range(4):
        batch.prefill()
        batch.decode()

    batch.cancel(0, 1)
    events = run(batch)

    assert events[-1] == Finished(2, "end_token")


@pytest.mark.parametrize("limit", [None, LIMIT])
@pytest.mark.parametrize("num_sampled", [0, 1, 4, 6])
def test_the_rest_of_an_answer_is_what_it_would_have_been(
    batch, grammars, limit, num_sampled
):
    grammar = "start: /[a-z]{2,9}/ /[]!]*/ /[0-9]{9}/" if limit else GRAMMAR
    batch.submit(0, submit(1, grammar, limit))
    grammars.finish(batch)
    whole = answer(run(batch))

    batch.submit(0, submit(2, grammar, limit, whole[:num_sampled]))
    grammars.finish(batch)

    assert whole[:num_sampled] + answer(run(batch), 2) == whole


@pytest.mark.parametrize("sampled", ["", "abc", "abcd", "abcd]"])
def test_a_limit_on_thinking_holds_without_a_grammar_and_over_a_resumption(
    batch, sampled
):
    batch.submit(0, submit(1, "", LIMIT, sampled, end_token_ids=[]))

    answered = sampled + answer(run(batch))

    assert answered.index("]!") <= 4
    if "]" not in answered[:4]:
        assert answered[4:6] == "]!"


def test_a_failure_of_a_grammar_is_told_and_the_sequence_is_gone(
    batch, grammars, monkeypatch
):
    batch.submit(0, submit(1))
    grammars.finish(batch)
    batch.prefill()
    batch.prefill()
    monkeypatch.setattr(
        "pensieve.engine.constraints.grammar.GrammarMatcher.advance",
        lambda self, token_id: self._matcher.consume_token(END) or self.allowed(),
    )

    events = run(batch)

    assert isinstance(events[-1], Failed)
    assert events[-1].message.startswith("grammar: ")
    assert not batch.has_work


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prompt_size": 0}, "prompt_size: expected 1 to 10, got 0"),
        ({"prompt_size": 11}, "prompt_size: expected 1 to 10, got 11"),
        ({"end_token_ids": []}, "grammar: expected a token that ends the answer"),
        ({"end_token_ids": [VOCAB_SIZE]}, "grammar: expected a token that ends"),
        ({"limit": ThinkingLimit(-1, True, [], [1], [1])}, "expected at least 0"),
        ({"limit": ThinkingLimit(1, True, [], [], [1])}, "tokens that close thinking"),
        ({"limit": ThinkingLimit(1, True, [], [1], [])}, "tokens that close thinking"),
        ({"limit": ThinkingLimit(1, True, [], [1], [VOCAB_SIZE])}, "ids of 0 to 95"),
    ],
)
def test_a_constraint_that_cannot_be_obeyed_is_refused(changes, message):
    assert message in refusal(submit(**changes), VOCAB_SIZE)
