"""Faults planted into what the sampler is told: the rows of sampling_cases notice."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import sampling_cases as cases
from native.sampled import drawn

from pensieve._native.sampling import Sampler

Fault = Callable[[cases.Batch], cases.Batch]


def real(place: int, change) -> Fault:
    def fault(batch):
        reals = batch.reals.copy()
        reals[:, place] = change(reals[:, place])
        return replace(batch, reals=reals)

    return fault


def word(place: int, change) -> Fault:
    def fault(batch):
        words = batch.words.copy()
        words[:, place] = change(words[:, place])
        return replace(batch, words=words)

    return fault


def stack(name: str, change) -> Fault:
    def fault(batch):
        array = getattr(batch, name)
        return batch if array is None else replace(batch, **{name: change(array)})

    return fault


FAULTS = {
    "a little too hot": real(0, lambda each: each * np.float32(0.999)),
    "top_p a little too high": real(1, lambda each: each * np.float32(1 + 6e-5)),
    "top_p a little too low": real(1, lambda each: each * np.float32(1 - 6e-5)),
    "min_p a little too low": real(2, lambda each: each * np.float32(1 + 4e-6)),
    "min_p a little too high": real(2, lambda each: each * np.float32(1 - 4e-6)),
    "no reward or repetition penalty": real(3, np.ones_like),
    "no repetition penalty above 0": real(4, np.ones_like),
    "no presence penalty": real(5, np.zeros_like),
    "no frequency penalty": real(6, np.zeros_like),
    "one more of top_k": word(0, lambda each: np.where(each, each + 1, 0)),
    "one less of top_k": word(0, lambda each: np.where(each > 1, each - 1, each)),
    "seed without its high word": word(2, np.zeros_like),
    "position off by one": word(3, lambda each: each + 1),
    "never greedy": word(4, np.zeros_like),
    "no bias": word(6, lambda each: each | cases.NO_ROW),
    "no mask": word(7, lambda each: each | cases.NO_ROW),
    "count off by one": stack(
        "histories", lambda each: np.where(each > 1, each + 2, each)
    ),
    "prompt not seen": stack("histories", lambda each: each & ~np.uint32(1)),
    "mask of the next token": stack("masks", lambda each: each << 1),
    "bias of the next token": stack("biases", lambda each: np.roll(each, 1, axis=1)),
}


@pytest.fixture(scope="module")
def answered():
    """Rows in batches of one, and their right answers."""
    return [(cases.batch([row]), row.right_answers) for row in cases.rows()]


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_the_rows_notice_a_fault(answered, fault):
    sampler = Sampler()

    wrong = 0
    for batch, right in answered:
        answer = drawn(sampler, fault(batch))
        wrong += not right.accept(*(each[0].item() for each in answer))

    assert wrong > 0


def test_without_a_fault_they_notice_none(answered):
    sampler = Sampler()

    for batch, right in answered:
        answer = drawn(sampler, batch)
        assert right.accept(*(each[0].item() for each in answer))


ACROSS = {
    "top_k, in": "one less of top_k",
    "top_k, out": "one more of top_k",
    "top_p, in": "top_p a little too low",
    "top_p, out": "top_p a little too high",
    "min_p, in": "min_p a little too high",
    "min_p, out": "min_p a little too low",
}


@pytest.mark.parametrize(("edge", "fault"), ACROSS.items(), ids=ACROSS.keys())
def test_the_answer_is_another_one_across_an_edge(answered, edge, fault):
    """Else a row would not tell on which side of its edge a sampler is."""
    sampler = Sampler()
    at_edge = [
        (batch, right)
        for row, (batch, right) in zip(cases.rows(), answered, strict=True)
        if f"edge of {edge}," in row.name and len(row.logits) > 1
    ]

    across = [drawn(sampler, FAULTS[fault](batch))[0][0] for batch, _ in at_edge]

    assert len(at_edge) >= 6
    assert all(len(right.log_probs) == 1 for _, right in at_edge)
    differ = [
        token != right.token for token, (_, right) in zip(across, at_edge, strict=True)
    ]
    assert sum(differ) >= 0.7 * len(differ)  # some have no token there that could win
