"""Faults planted in the sampling kernels' text: each must be noticed.

By the emulator, as something undefined, or by an answer that the reference has not.
"""

import numpy as np
import pytest
import sampling_cases as cases
from metal.emulated_sampler import EmulatedSampler
from metal.emulator import SCHEDULES, EmulatorError, skip_where_it_cannot_run

from pensieve.engine.sampling.gpu_kernels import Sizes

SIZES = Sizes(split_size=256, threads=64, slots=32)
VOCAB_SIZE = 1003
NUM_ROWS = 200

UNDEFINED = {
    "a sum without its first barrier": (
        "  barrier();\n  float sum = 0.0f;",
        "  float sum = 0.0f;",
    ),
    "a sum without its last barrier": (
        "  barrier(); // the cells may be written again\n",
        "",
    ),
    "a winner without its first barrier": (
        "  barrier();\n  Runner winner",
        "  Runner winner",
    ),
    "a list without a barrier": (
        "    lists.x[group] = x;\n  }\n  barrier();",
        "    lists.x[group] = x;\n  }",
    ),
    "turns without their first barrier": (
        "  barrier();\n  for (int i = 0; i < THREADS / 32; ++i) {\n    const uint simd",
        "  for (int i = 0; i < THREADS / 32; ++i) {\n    const uint simd",
    ),
    "turns without their last barrier": (
        "  barrier();\n  return turn;",
        "  return turn;",
    ),
    "a list gathered without a barrier": (
        "  barrier();\n  for (uint i = at.index; i < turn.sum",
        "  for (uint i = at.index; i < turn.sum",
    ),
    "a chain without a barrier": (
        "  barrier();\n  return length;\n}\n\n// Threadgroup memory of a measurement",
        "  return length;\n}\n\n// Threadgroup memory of a measurement",
    ),
    "a simdgroup operation for half of the lanes": (
        "const float simdgroups = metal::simd_sum(value);",
        "float simdgroups = value;\n"
        "if (at.lane < 16) { simdgroups = metal::simd_sum(value); }",
    ),
    "a barrier for one simdgroup": (
        "  float largest = cells.x[0];",
        "  if (at.simdgroup == 0) { barrier(); }\n  float largest = cells.x[0];",
    ),
    "a vocabulary that is one too long": (
        "token < uint(VOCAB_SIZE));",
        "token <= uint(VOCAB_SIZE));",
    ),
    "a rank too many": (
        "if (rank < top_k) {",
        "if (rank <= top_k + 63) {",
    ),
    "results written by all": (
        "  if (at.index == 0) {\n    results[in.largest + split]",
        "  {\n    results[in.largest + split]",
    ),
    "a link that nobody wrote": (
        "if (link < results[in.length + split]) {",
        "if (link <= results[in.length + split]) {",
    ),
    "a last split that is taken for whole": (
        "(i / 4 + 1) * 4 * THREADS <= LAST ||",
        "(i / 4 + 1) * 4 * THREADS <= LAST + 9 ||",
    ),
    "a list that overflows": (
        "  if (turn.sum > uint(2 * SLOTS)) {\n    last_id",
        "  if (false) {\n    last_id",
    ),
}
WRONG = {
    "splits that begin one too late": (
        "const uint begin = split * LENGTH;",
        "const uint begin = split * LENGTH + 4;",
    ),
    "tokens of two splits": (
        "(place < uint(LENGTH) && token",
        "(place < uint(LENGTH + 4) && token",
    ),
    "a vocabulary that is one too short": (
        "token < uint(VOCAB_SIZE));",
        "token + 1 < uint(VOCAB_SIZE));",
    ),
    "of equals the highest id": (
        "(value == other_value && id < other_id)",
        "(value == other_value && id > other_id)",
    ),
    "one token too few of top-k": (
        "candidate = not_less >= top_k ?",
        "candidate = not_less >= (top_k + 1) / 2 ?",
    ),
    "of equals all but the last": (
        "x >= bound && (x > bound || id <= last_id)",
        "x >= bound && (x > bound || id < last_id)",
    ),
    "of equals one too few": (
        "const uint wanted = top_k - sum_of",
        "const uint wanted = top_k - 1 - sum_of",
    ),
    "top-k one too many": (
        "before.count < params.top_k",
        "before.count <= params.top_k",
    ),
    "top-p of all instead of what top-k leaves": (
        "if (params.top_k > 0 && params.top_p < 1.0f && !params.is_greedy) {",
        "if (false) {",
    ),
    "top-p before its sum": (
        "before.mass < params.top_p * mass",
        "before.mass < params.top_p",
    ),
    "min-p forgotten": (
        "(is_in_top_k && is_in_top_p && is_in_min_p)",
        "(is_in_top_k && is_in_top_p && (is_in_min_p || true))",
    ),
    "a NaN forgotten": (
        "    mass += weight_of(tokens.x[i], base, params);",
        "    mass += is_nan(tokens.x[i]) ? 0.0f : "
        "weight_of(tokens.x[i], base, params);",
    ),
    "words of noise in another order": (
        "return (token & 2u) != 0 ? high : low;",
        "return (token & 2u) != 0 ? low : high;",
    ),
    "noise that is pruned too soon": (
        "return 25.8f;",
        "return 4.0f;",
    ),
    "a chain that stops at its first link": (
        "if (is_plain || length == uint(CHAIN)) {",
        "if (true) {",
    ),
    "a penalty the wrong way round": (
        "x > 0.0f ? params.inv_repetition : params.repetition",
        "x > 0.0f ? params.repetition : params.inv_repetition",
    ),
    "presence in the prompt": (
        "x = count > 0.0f ? x - params.presence : x;",
        "x = x - params.presence;",
    ),
    "a mask's bits from the other end": ("(token & 31u) & 1u", "(~token & 31u) & 1u"),
    "a mask that a NaN beats": (
        "!= 0 ? x : -infinity()",
        "!= 0 || is_nan(x) ? x : -infinity()",
    ),
    "weights of splits without their largest": (
        "rounded_product(masses[i], weight_of(xs[i], base, params))",
        "rounded_product(masses[i], weight_of(base, base, params))",
    ),
    "the last one's share of top-k's mass": (
        "float(params.top_k - above.count) * weight_of",
        "0.0f * weight_of",
    ),
}


def row(number: int) -> cases.Row:
    rng = np.random.default_rng([7, number])
    make = cases.edge_row if number % 4 == 3 else cases.plain_row
    return make(number, rng, VOCAB_SIZE, "float32")


def row_with_a_large_top_k(number: int) -> cases.Row:
    """The first token that top-k does not leave beats those that it does, in every
    other row; in the others top-p keeps half of what top-k leaves."""
    rng = np.random.default_rng([8, number])
    logits = (rng.normal(0, 0.3, VOCAB_SIZE) * (number % 5 > 0)).astype(np.float32)
    top_k, seed = 65 + number, number
    order = np.argsort(-logits, kind="stable")[: top_k + 1]
    gaps = (logits.max() - logits).astype(np.float64)
    position = cases.winning_position(seed, order, gaps) if number % 2 else number
    params = cases.SamplingParams(
        temperature=1, top_k=top_k, seed=seed, top_p=1 if number % 2 else 0.5
    )
    return cases.Row("large top-k", logits, *cases.parameters(params, position))


def row_of_equals(top_k: int) -> cases.Row:
    """The last token that top-k leaves wins."""
    kept, gaps = np.arange(top_k), np.zeros(VOCAB_SIZE)
    position = cases.winning_position(top_k, kept, gaps)
    params = cases.SamplingParams(temperature=1, top_k=top_k, seed=top_k)
    logits = np.full(VOCAB_SIZE, 3, np.float32)
    return cases.Row("equals", logits, *cases.parameters(params, position))


def row_with_a_hidden_nan() -> cases.Row:
    params = cases.parameters(cases.SamplingParams(seed=1, temperature=1), 1)
    logits = np.full(VOCAB_SIZE, np.nan, np.float32)
    logits[5] = 1
    mask = np.zeros((VOCAB_SIZE + 31) // 32, np.uint32)
    mask[0] = 1 << 5
    return cases.Row("hidden NaN", logits, *params, mask=mask)


@pytest.fixture(scope="module")
def rows_and_answers():
    rows = [*map(row, range(NUM_ROWS)), row_with_a_hidden_nan()]
    rows += map(row_with_a_large_top_k, range(10))
    rows += map(row_of_equals, range(2, 7))
    return [(each, each.right_answers) for each in rows]


def planted(folder, fault) -> EmulatedSampler:
    skip_where_it_cannot_run()
    before, after = fault
    times = []

    def edit(text: str) -> str:
        times.append(text.count(before))
        return text.replace(before, after, 1)

    sampler = EmulatedSampler(folder, VOCAB_SIZE, "float32", SIZES, True, edit)
    assert sum(times) == 1, times
    return sampler


def are_right(sampler: EmulatedSampler, rows_and_answers, schedule=0) -> bool:
    for each, answers in rows_and_answers:
        (token,), (error,), (log_prob,) = sampler(cases.batch([each]), schedule)
        if not answers.accept(int(token), int(error), float(log_prob)):
            return False
    return True


@pytest.mark.parametrize("name", UNDEFINED)
def test_what_is_undefined_is_noticed_in_every_order(name, rows_and_answers, tmp_path):
    sampler = planted(tmp_path, UNDEFINED[name])
    try:
        for schedule in SCHEDULES:
            with pytest.raises(EmulatorError):
                are_right(sampler, rows_and_answers, schedule)
    finally:
        sampler.close()


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_rule_gives_a_wrong_answer(name, rows_and_answers, tmp_path):
    sampler = planted(tmp_path, WRONG[name])
    try:
        assert not are_right(sampler, rows_and_answers)
    finally:
        sampler.close()


def test_without_a_fault_all_is_well(rows_and_answers, tmp_path):
    sampler = planted(tmp_path, ("enum Nowhere", "enum  Nowhere"))
    try:
        assert are_right(sampler, rows_and_answers)
    finally:
        sampler.close()
