import mlx.core as mx
import numpy as np
import pytest
from engine.tiny_models import VOCAB_SIZE, tiny_llama
from hypothesis import given
from hypothesis import strategies as st
from mlx_lm.models.cache import make_prompt_cache
from mlx_lm.sample_utils import make_repetition_penalty
from reference import sampling as reference
from reference.penalties import penalised

from pensieve.engine.generation.decoding import Row
from pensieve.engine.generation.generator import Generator
from pensieve.engine.sampling.operations import (
    counted,
    draw_by_operations,
)
from pensieve.engine.sampling.operations import (
    penalised as by_operations,
)
from pensieve.engine.sampling.sequence import draws_of, history_of
from pensieve.link.messages import SamplingParams, Submit

SIZE = 40
SETTINGS = {
    "repetition": {"repetition_penalty": 1.3},
    "reward": {"repetition_penalty": 0.7},
    "presence": {"presence_penalty": 0.9},
    "frequency": {"frequency_penalty": 0.4},
    "negative": {"presence_penalty": -1.5, "frequency_penalty": -0.2},
    "all": {
        "repetition_penalty": 1.05,
        "presence_penalty": 0.5,
        "frequency_penalty": 0.3,
    },
}
LOGITS = np.random.default_rng(3).normal(0, 3, (12, SIZE)).astype(np.float32)
TOKENS = st.lists(st.integers(0, SIZE - 1), max_size=30)


def params(**settings) -> SamplingParams:
    return SamplingParams(seed=11, **settings)


def submission(prompt, answer=(), max_tokens=20, **settings) -> Submit:
    token_ids = [*prompt, *answer]
    return Submit(1, token_ids, max_tokens, [], params(**settings), len(prompt))


def lowered(logits, history, params) -> np.ndarray:
    return np.array(by_operations(mx.array(logits), mx.array(history), params))


@given(TOKENS, TOKENS, st.sampled_from([*SETTINGS.values()]), st.integers(0, 11))
def test_logits_are_lowered_as_token_by_token_in_float64(prompt, answer, setting, row):
    prompt = [*prompt, 0]
    history = history_of(prompt, answer, SIZE)

    expected = penalised(LOGITS[row], params(**setting), prompt, answer)

    got = lowered(LOGITS[row], history, params(**setting))
    np.testing.assert_allclose(got, expected, atol=4e-6)


@given(TOKENS, TOKENS)
def test_tokens_that_are_counted_one_by_one_are_as_those_that_were_there(first, later):
    history = history_of([1], first, SIZE)
    for token_id in later:
        history = counted(history, mx.array(token_id, mx.uint32))

    assert np.array_equal(history, history_of([1], first + later, SIZE))


def test_repetition_is_as_in_mlx_lm():
    processor = make_repetition_penalty(1.3, context_size=4)
    expected = processor([3, 5, 5, 9], mx.array(LOGITS[:1]))

    got = lowered(
        LOGITS[0], history_of([3, 5], [5, 9], SIZE), params(repetition_penalty=1.3)
    )

    np.testing.assert_allclose(got, expected[0], rtol=3e-7)


def test_what_may_not_come_stays_so():
    logits = LOGITS[0].copy()
    logits[::2] = -np.inf
    history = history_of([0, 1], [2, 3], SIZE)

    got = lowered(logits, history, params(**SETTINGS["all"]))

    assert np.isneginf(got[::2]).all()
    assert np.isfinite(got[1::2]).all()


def test_a_sequence_without_penalties_has_none():
    assert draws_of(submission([1, 2]), SIZE).history is None


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS.keys())
@pytest.mark.parametrize(
    "filters",
    [{}, {"temperature": 0}, {"temperature": 0.6, "top_k": 12, "top_p": 0.9}],
    ids=["plain", "greedy", "filtered"],
)
def test_penalties_come_before_temperature_and_filters(setting, filters):
    """Twelve steps, each with logits of its own."""
    submit = submission([4, 9, 9, 17], **setting, **filters)
    draws = draws_of(submit, SIZE)

    drawn = [
        draw_by_operations(mx.array(logits)[None], [draws], [None]).tokens.item()
        for logits in LOGITS
    ]

    expected = []
    for i, logits in enumerate(LOGITS):
        lower = penalised(logits, submit.sampling, submit.token_ids, expected)
        expected.append(reference.draw(lower, submit.sampling, 4 + i))
    assert drawn == expected


# ----- In the batch -----


@pytest.fixture(scope="module")
def model():
    return tiny_llama()


def answers(model, *submits) -> list[list[int]]:
    """Return what each sequence gets, all in one batch."""
    generator = Generator(model)
    for key, submit in enumerate(submits):
        row = Row(key, submit.max_tokens, [], draws_of(submit, VOCAB_SIZE))
        generator.insert(row, submit.token_ids)
        generator.prefill(key, len(submit.token_ids) - 1)
    got = [[] for _ in submits]
    while step := generator.decode():
        for token in step:
            got[token.key].append(token.token_id)
    return got


def slowly(model, submit) -> list[int]:
    """Return the greedy answer, with all logits computed anew for each token."""
    answer = []
    for _ in range(submit.max_tokens):
        token_ids = mx.array([submit.token_ids + answer])
        logits = model(token_ids, cache=make_prompt_cache(model))[0, -1]
        lower = penalised(np.array(logits), submit.sampling, submit.token_ids, answer)
        answer.append(int(np.argmax(lower)))
    return answer


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS.keys())
def test_a_greedy_answer_is_the_one_that_the_slow_twin_gives(model, setting):
    submit = submission([5, 6, 7], temperature=0, **setting)

    assert answers(model, submit) == [slowly(model, submit)]


def test_a_presence_penalty_changes_an_answer_that_repeats(model):
    plain = submission([5, 6, 7], temperature=0, max_tokens=40)
    other = submission([5, 6, 7], temperature=0, max_tokens=40, presence_penalty=2.0)

    [[*repeats], [*varies]] = answers(model, plain, other)

    assert len({*varies}) > len({*repeats})


@pytest.mark.parametrize("filters", [{}, {"temperature": 0}], ids=["drawn", "greedy"])
@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS.keys())
def test_an_answer_that_goes_on_in_another_engine_is_the_same(model, setting, filters):
    settings = setting | filters
    whole = submission([8, 1, 30], **settings)
    [expected] = answers(model, whole)
    rest = submission([8, 1, 30], expected[:7], max_tokens=13, **settings)

    assert answers(model, rest) == [expected[7:]]


def test_rows_with_penalties_change_nothing_for_those_without(model):
    plain, other = submission([3, 2, 1]), submission([3, 2, 1], **SETTINGS["all"])
    [expected], [penalised_alone] = answers(model, plain), answers(model, other)

    assert answers(model, plain, other, plain) == [expected, penalised_alone, expected]
