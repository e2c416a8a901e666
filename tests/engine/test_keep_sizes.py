"""Checkpoints where a client says, or where a user may write a question anew."""

import pytest
from engine.test_prefix_reuse import Engine, alone, prompt, submission
from engine.tiny_models import BY_CHECKPOINT, VOCAB_SIZE, name

from pensieve.engine.generation.generator import MIN_SHARED, worth_a_state
from pensieve.engine.scheduling.refusal import refusal

HEAD = prompt(64)
BEFORE = prompt(70, salt=1)
"""What was said and answered before the last question, behind the head."""


@pytest.fixture(scope="module", params=BY_CHECKPOINT, ids=name)
def model(request):
    return request.param()


def test_an_edited_last_question_restores_before_it(model):
    engine = Engine(model)
    said = HEAD + BEFORE
    engine.run(
        submission(1, said + prompt(40, salt=2), head_size=64, keep_sizes=[len(said)])
    )
    edited = submission(2, said + prompt(30, salt=3), head_size=64)

    tokens = engine.run(edited)

    assert engine.admitted(2).cached_tokens == len(said)
    assert tokens == alone(model, edited)


def test_without_a_word_it_restores_at_the_head(model):
    engine = Engine(model)
    said = HEAD + BEFORE
    engine.run(submission(1, said + prompt(40, salt=2), head_size=64))

    engine.run(submission(2, said + prompt(30, salt=3), head_size=64))

    assert engine.admitted(2).cached_tokens == 64


def test_a_sub_agent_of_the_same_tools_restores_behind_them(model):
    engine = Engine(model)
    tools, system = HEAD, prompt(50, salt=4)
    engine.run(
        submission(
            1,
            [*tools, *system, *prompt(40, salt=2)],
            head_size=114,
            keep_sizes=[64],
        )
    )
    agent = submission(2, [*tools, *prompt(45, salt=5)], head_size=100, keep_sizes=[64])

    tokens = engine.run(agent)

    assert engine.admitted(2).cached_tokens == 64
    assert tokens == alone(model, agent)


def test_a_sub_agent_of_the_same_head_restores_behind_it_and_keeps_its_own(model):
    engine = Engine(model)
    engine.run(submission(1, HEAD + BEFORE, head_size=64))
    agent = HEAD + prompt(50, salt=6)
    engine.run(submission(2, [*agent, 1, 2], head_size=64, keep_sizes=[64, 114]))

    engine.run(submission(3, [*agent, 3, 4, 5], head_size=64))

    assert engine.admitted(2).cached_tokens == 64
    assert engine.admitted(3).cached_tokens == 114


def test_a_size_that_is_cached_already_is_passed_over(model):
    engine = Engine(model)
    said = HEAD + BEFORE
    engine.run(submission(1, said))
    again = submission(2, said + prompt(9, salt=2), keep_sizes=[40, len(said)])

    assert engine.run(again) == alone(model, again)


def test_models_that_go_on_from_anywhere_keep_no_states(model_by_token):
    engine = Engine(model_by_token)
    asked = submission(1, HEAD + BEFORE, keep_sizes=[64])

    assert engine.run(asked) == alone(model_by_token, asked)
    engine.run(submission(2, [*HEAD, 1, 2, 3]))

    assert engine.admitted(2).cached_tokens == 64


@pytest.mark.parametrize("keep_size", [-1, 0, 5])
def test_a_size_beyond_the_prompt_is_refused(keep_size):
    submit = submission(1, prompt(4), keep_sizes=[2, keep_size])

    assert (
        refusal(submit, VOCAB_SIZE) == f"keep_sizes: expected 1 to 4, got {keep_size}"
    )


def test_a_state_is_not_worth_few_tokens():
    far = 2 * MIN_SHARED
    near = far + MIN_SHARED - 1

    assert worth_a_state([far, near], {0}) == {far}
    assert worth_a_state([near, far], {0, far}) == set()
    assert worth_a_state([far, near + 1], {0}) == {far, near + 1}
    assert worth_a_state([far], {0, far + 1}) == {far}
