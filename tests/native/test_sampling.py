"""The native sampler against its twin, in every set of instructions that is here."""

import numpy as np
import pytest
import sampling_cases as cases
from native.sampled import drawn, one_row

from pensieve._native.sampling import Sampler, available_instructions

INSTRUCTIONS = available_instructions()


def wrong_answers(samplers, numbers):
    """Return what is wrong of the answers to the rows of these numbers."""
    wrong = []
    for row in cases.rows(numbers):
        right = row.right_answers
        for name, sampler in samplers.items():
            answer = drawn(sampler, cases.batch([row]))
            token, error, log_prob = (each[0].item() for each in answer)
            if not right.accept(token, error, log_prob):
                wrong.append((name, row.name, token, error, log_prob, right))
    return wrong


def test_the_fast_rows_answers_are_right_in_all_instructions():
    samplers = {name: Sampler(name) for name in INSTRUCTIONS}

    assert wrong_answers(samplers, range(cases.NUM_FAST)) == []


@pytest.mark.patient
@pytest.mark.parametrize("part", range(8))
def test_the_answers_to_all_rows_are_right(part):
    """Some 5,000 rows, most of them of real vocabularies."""
    samplers = {"best": Sampler(), "baseline": Sampler("baseline")}

    assert wrong_answers(samplers, range(part, cases.NUM_ROWS, 8)) == []


def test_all_instructions_give_the_same_bits():
    samplers = [Sampler(name) for name in INSTRUCTIONS]
    for row in cases.rows(range(0, cases.NUM_FAST, 2)):
        answers = [drawn(sampler, cases.batch([row])) for sampler in samplers]
        for answer in answers[1:]:
            for one, other in zip(answers[0], answer, strict=True):
                np.testing.assert_array_equal(one, other, row.name)


def test_a_row_is_drawn_alike_alone_and_among_64():
    rng = np.random.default_rng(8)
    rows = [
        cases.plain_row(number, rng, 5003, "float16") for number in range(1000, 1064)
    ]
    whole = cases.batch(rows)
    assert whole.histories is not None
    assert whole.biases is not None
    assert whole.masks is not None
    sampler = Sampler()

    together = drawn(sampler, whole)
    reverse = drawn(sampler, cases.batch(rows[::-1]))
    alone = [drawn(Sampler(), cases.batch([row])) for row in rows]

    for i in range(3):
        np.testing.assert_array_equal(together[i], reverse[i][::-1])
        one_by_one = np.concatenate([answer[i] for answer in alone])
        np.testing.assert_array_equal(together[i], one_by_one)


def test_a_row_leaves_nothing_behind_for_the_next():
    """Large and small vocabularies in turn, through the same memory."""
    sampler = Sampler()
    rows = list(cases.rows(range(60)))
    rows.sort(key=lambda row: len(row.logits) * (-1) ** int(row.words[1]))
    for row in rows:
        got = drawn(sampler, cases.batch([row]))
        for one, other in zip(got, drawn(Sampler(), cases.batch([row])), strict=True):
            np.testing.assert_array_equal(one, other)


def test_neighbours_of_what_is_read_change_nothing():
    """Rows cut out of larger arrays, at any offset; what lies around them is NaN."""
    size = 1003
    logits = np.random.default_rng(4).normal(0, 2, size).astype(np.float32)
    expected = drawn(Sampler(), one_row(logits))
    for offset in range(9):
        around = np.full(size + 16, np.nan, np.float32)
        around[offset : offset + size] = logits
        got = drawn(Sampler(), one_row(around[offset : offset + size]))
        np.testing.assert_array_equal(got, expected)
