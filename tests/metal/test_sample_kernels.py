"""The sampling kernels' text on the emulator, beside the reference in float64."""

import numpy as np
import pytest
import sampling_cases as cases
from metal.emulator import SCHEDULES

from pensieve.engine.sampling.gpu_kernels import Needs, Sizes, needed

SMALL = Sizes(split_size=1024, threads=128)
MANY_SPLITS = Sizes(split_size=256, threads=64)
SHORT_CHAINS = Sizes(split_size=256, threads=64, chain=2, measured=1)
"""Most rows with filters are left to what one threadgroup finds out."""
ROWS_OF_A_TEST = 40
SIZE_OF_HALVES = 1003
"""Logits of two bytes are kept as they are in this vocabulary, made float32 in others:
so few texts are to be compiled."""


def dtype_of(row: cases.Row) -> str:
    return {"uint16": "bfloat16"}.get(row.logits.dtype.name, row.logits.dtype.name)


def as_compiled(row: cases.Row) -> cases.Row:
    if len(row.logits) == SIZE_OF_HALVES:
        return row
    logits = cases.values(row.logits)
    return cases.Row(
        row.name, logits, row.reals, row.words, row.history, row.bias, row.mask
    )


def check(rows, sampler, batch, schedule=0):
    """Draw from a batch, compare with the reference, and return what was drawn."""
    drawn = sampler(batch, schedule)
    for row, *answer in zip(rows, *drawn, strict=True):
        assert row.right_answers.accept(*answer), (row.name, answer, row.right_answers)
    return drawn


@pytest.mark.parametrize("first", range(0, cases.NUM_FAST, ROWS_OF_A_TEST))
def test_each_row_gets_a_right_answer(emulated, first):
    made = map(as_compiled, cases.rows(range(first, first + ROWS_OF_A_TEST)))

    for number, (rows, batch) in enumerate(cases.batches(made, 8)):
        sampler = emulated(batch.logits.shape[1], dtype_of(rows[0]), SMALL)
        check(rows, sampler, batch, schedule=number % len(SCHEDULES))


@pytest.mark.patient
@pytest.mark.parametrize("first", range(0, cases.NUM_ROWS, 400))
def test_each_of_all_rows_gets_a_right_answer(emulated, first):
    """Of real vocabularies, with the sizes that a GPU gets."""
    made = map(as_compiled, cases.rows(range(first, first + 400)))

    for rows, batch in cases.batches(made, 8):
        sampler = emulated(batch.logits.shape[1], dtype_of(rows[0]), Sizes())
        check(rows, sampler, batch)


def rows_of_size(size: int, number: int, dtype: str = "float32") -> list[cases.Row]:
    def made(i: int) -> cases.Row:
        make = cases.edge_row if i % 4 == 3 else cases.plain_row
        return make(i, np.random.default_rng([size, i]), size, dtype)

    return [*map(made, range(number))]


@pytest.mark.parametrize("measures", [True, False])
@pytest.mark.parametrize("sizes", [MANY_SPLITS, SHORT_CHAINS], ids=["many", "short"])
def test_splits_and_what_they_hand_on_change_no_answer(emulated, sizes, measures):
    rows = rows_of_size(1003, 40)

    check(rows, emulated(1003, "float32", sizes, measures), cases.batch(rows))


@pytest.mark.parametrize("threads", [128, 256, 512, 1024])
def test_any_number_of_threads_gives_right_answers(emulated, threads):
    rows = rows_of_size(32_000, 10)
    sampler = emulated(32_000, "float32", Sizes(threads=threads))

    check(rows, sampler, cases.batch(rows))


def test_a_row_gets_the_same_to_the_bit_in_any_company(emulated):
    rows = rows_of_size(1003, 64)
    sampler = emulated(1003, "float32", MANY_SPLITS)

    together = sampler(cases.batch(rows))
    backwards = sampler(cases.batch(rows[::-1]))

    for i, row in enumerate(rows):
        alone = sampler(cases.batch([row]))
        for each, all_of_them, turned in zip(alone, together, backwards, strict=True):
            assert each.tobytes() == all_of_them[i].tobytes() == turned[~i].tobytes()


@pytest.mark.parametrize("sizes", [MANY_SPLITS, SMALL], ids=["many", "small"])
def test_kernels_that_only_select_give_the_same_to_the_bit(emulated, sizes):
    rows = [
        row
        for row in rows_of_size(1003, 300)
        if row.history is row.bias is row.mask is None
        and needed(row.reals[None], row.words[None], 1003) is Needs.SELECTIONS
    ]
    batch, sampler = cases.batch(rows), emulated(1003, "float32", sizes)

    selected = check(rows, sampler, batch)

    assert len(rows) > 40
    for one, other in zip(selected, sampler(batch, 0, False), strict=True):
        assert one.tobytes() == other.tobytes()


def test_the_order_in_which_threads_run_changes_no_bit(emulated):
    rows = rows_of_size(1003, 24)
    sampler = emulated(1003, "float32", MANY_SPLITS)

    drawn = [sampler(cases.batch(rows), schedule) for schedule in SCHEDULES]

    assert len({b"".join(array.tobytes() for array in each) for each in drawn}) == 1


def test_a_real_vocabulary_with_the_sizes_that_a_gpu_gets(emulated):
    rows = rows_of_size(151_936, 16, "bfloat16")

    check(rows, emulated(151_936, "bfloat16", Sizes()), cases.batch(rows))


def test_frequencies_are_the_renormalised_probabilities(emulated):
    """Chi-square of 20,000 draws among what top-k and top-p leave of 33 tokens."""
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 1.5, 33).astype(np.float32)
    row = next(row for row in cases.rows() if row.words[4] == 0)
    reals, words = row.reals.copy(), row.words.copy()
    reals[:3], reals[3:7] = (1 / 0.8, 0.9, np.inf), (1, 1, 0, 0)
    words[0], words[5:] = 6, cases.NO_ROW
    num_draws, size = 20_000, 500
    order = np.argsort(-logits, kind="stable")[:6]
    weights = np.exp((logits[order] - logits.max()).astype(np.float64) / 0.8)
    kept = np.cumsum(weights) - weights < 0.9 * weights.sum()
    expected = num_draws * weights[kept] / weights[kept].sum()
    sampler = emulated(33, "float32", SMALL)

    counts = np.zeros(33)
    for first in range(0, num_draws, size):
        positions = np.tile(words, (size, 1))
        positions[:, 3] = np.arange(first, first + size)
        batch = cases.Batch(
            np.tile(logits, (size, 1)),
            np.tile(reals, (size, 1)),
            positions,
            *(None,) * 3,
        )
        counts += np.bincount(sampler(batch)[0], minlength=33)

    assert counts[order[kept]].sum() == num_draws
    chi_square = ((counts[order[kept]] - expected) ** 2 / expected).sum()
    assert kept.sum() >= 4
    assert chi_square < 25  # of 5 degrees of freedom: once in 7,000 seeds
