"""The native sampler against its twin, in every set of instructions that is here."""

import threading

import numpy as np
import pytest
import sampling_cases as cases
from reference import sampling as reference

from pensieve._native.sampling import Sampler, available_instructions
from pensieve.link.messages import SamplingParams

INSTRUCTIONS = available_instructions()


def drawn(sampler: Sampler, batch: cases.Batch):
    """Return tokens, errors and log-probabilities of a batch, each [batch_size]."""
    tokens = np.full(len(batch.logits), 0xDEAD, np.uint32)
    errors, log_probs = tokens.copy(), tokens.astype(np.float32)
    sampler.sample(
        batch.logits,
        batch.reals,
        batch.words,
        tokens,
        errors,
        log_probs,
        histories=batch.histories,
        biases=batch.biases,
        masks=batch.masks,
        is_bfloat16=batch.is_bfloat16,
    )
    return tokens, errors, log_probs


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
    row = cases.row(3)
    size = 1003
    logits = np.random.default_rng(4).normal(0, 2, size).astype(np.float32)
    expected = drawn(Sampler(), one_row(logits))
    for offset in range(9):
        around = np.full(size + 16, np.nan, np.float32)
        around[offset : offset + size] = logits
        got = drawn(Sampler(), one_row(around[offset : offset + size]))
        np.testing.assert_array_equal(got, expected)
    assert row.name


def one_row(logits, position=0, **settings) -> cases.Batch:
    params = SamplingParams(seed=5, **settings)
    reals, words = reference.parameters(params, position)
    return cases.batch([cases.Row("", logits, reals, words)])


# ----- How often -----

MILLION = 1_000_000
FREQUENCY_SETTINGS = {
    "plain": {},
    "cold": {"temperature": 0.6},
    "top_k": {"top_k": 7},
    "top_p": {"top_p": 0.8},
    "min_p": {"min_p": 0.1},
    "all": {"temperature": 1.4, "top_k": 30, "top_p": 0.9, "min_p": 0.05},
}


@pytest.mark.patient
@pytest.mark.parametrize(
    "setting", FREQUENCY_SETTINGS.values(), ids=FREQUENCY_SETTINGS.keys()
)
def test_a_million_draws_are_as_frequent_as_the_probabilities(setting):
    """Chi-square over draws at a million positions of a row with 40 tokens."""
    assert chi_square_excess(setting, MILLION) < 0


def chi_square_excess(setting, num_draws: int) -> float:
    """Return chi-square less its 99.99 % quantile (Wilson and Hilferty's formula)."""
    logits = np.random.default_rng(12).normal(0, 1.5, 40).astype(np.float32)
    tokens = np.empty(num_draws, np.uint32)
    errors, log_probs = np.empty_like(tokens), np.empty(num_draws, np.float32)
    batch = one_row(logits, **setting)
    reals = np.repeat(batch.reals, num_draws, axis=0)
    words = np.repeat(batch.words, num_draws, axis=0)
    words[:, 3] = np.arange(num_draws)
    rows = np.repeat(batch.logits, num_draws, axis=0)
    Sampler().sample(rows, reals, words, tokens, errors, log_probs)
    counts = np.bincount(tokens, minlength=40)

    kept = kept_probabilities(logits, setting)
    assert counts[kept == 0].sum() == 0
    expected = num_draws * kept[kept > 0]
    chi_square = ((counts[kept > 0] - expected) ** 2 / expected).sum()
    freedom = len(expected) - 1
    spread = 2 / (9 * freedom)
    return chi_square - freedom * (1 - spread + 3.72 * np.sqrt(spread)) ** 3


def kept_probabilities(logits, setting) -> np.ndarray:
    """Return what the filters leave of a softmax, renormalised, [vocab_size]."""
    scaled = logits.astype(np.float64) / setting.get("temperature", 1)
    probs = np.exp(scaled - scaled.max())
    order = np.argsort(-probs)
    order = order[: setting.get("top_k", len(order))]
    mass = np.cumsum(probs[order])
    inside = mass - probs[order] < setting.get("top_p", 1) * mass[-1]
    inside &= probs[order] >= setting.get("min_p", 0)
    kept = np.zeros_like(probs)
    kept[order[inside]] = probs[order[inside]]
    return kept / kept.sum()


def test_the_chi_square_test_sees_a_planted_fault():
    """Draws that are a little too hot are told apart from right ones."""
    right = chi_square_excess({"temperature": 1.0}, 50_000)
    original = kept_probabilities

    def too_cold(logits, setting):
        return original(logits, {**setting, "temperature": 1.03})

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(globals(), "kept_probabilities", too_cold)
        wrong = chi_square_excess({"temperature": 1.0}, 50_000)

    assert right < 0 < wrong


# ----- What is refused -----


class Call:
    """Arguments of a right call, of which some are replaced."""

    def __init__(self, **replaced):
        self.arguments = {
            "logits": np.zeros((2, 100), np.float32),
            "reals": np.tile(np.float32([1, 1, np.inf, 1, 1, 0, 0, 0]), (2, 1)),
            "words": np.tile(np.uint32([0, 0, 0, 0, 0] + [0xFFFFFFFF] * 3), (2, 1)),
            "tokens": np.zeros(2, np.uint32),
            "errors": np.zeros(2, np.uint32),
            "log_probs": np.zeros(2, np.float32),
            **replaced,
        }

    def __call__(self):
        Sampler().sample(**self.arguments)


def read_only(array):
    array.flags.writeable = False
    return array


def changed(name, place, value):
    array = Call().arguments[name]
    array[1, place] = value
    return {name: array}


Z = np.zeros
REFUSED = {
    "wrong type": (
        {"logits": Z((2, 100), np.float64)},
        TypeError,
        r"logits: expected float32 or float16, got d",
    ),
    "bits of bfloat16 without saying so": (
        {"logits": Z((2, 100), np.uint16)},
        TypeError,
        r"logits: expected float32 or float16, got uint16",
    ),
    "no bits of bfloat16": (
        {"is_bfloat16": True},
        TypeError,
        r"logits: expected uint16, got float32",
    ),
    "one row only": (
        {"logits": Z(100, np.float32)},
        ValueError,
        r"logits: expected the shape \[any, any\], got \[100\]",
    ),
    "no tokens": (
        {"logits": Z((2, 0), np.float32)},
        ValueError,
        r"logits: expected 1 to 2147483648 tokens in a row, got 0",
    ),
    "every other token": (
        {"logits": Z((2, 200), np.float32)[:, ::2]},
        TypeError,
        r"logits: expected a contiguous array, got ndarray: ",
    ),
    "by columns": (
        {"logits": np.asfortranarray(Z((2, 100), np.float32))},
        ValueError,
        r"logits: expected rows one after another",
    ),
    "not aligned": (
        {"logits": np.frombuffer(bytes(801), np.uint8)[1:].view("f4").reshape(2, 100)},
        ValueError,
        r"logits: expected aligned items",
    ),
    "no array": ({"reals": [[1.0]]}, TypeError, r"reals: expected a contiguous array"),
    "reals of another batch": (
        {"reals": Z((3, 8), np.float32)},
        ValueError,
        r"reals: expected the shape \[2, 8\], got \[3, 8\]",
    ),
    "signed words": (
        {"words": Z((2, 8), np.int32)},
        TypeError,
        r"words: expected uint32, got i",
    ),
    "short history": (
        {"histories": Z((1, 99), np.uint32)},
        ValueError,
        r"histories: expected the shape \[any, 100\], got \[1, 99\]",
    ),
    "bias of another type": (
        {"biases": Z((1, 100), np.float16)},
        TypeError,
        r"biases: expected float32, got float16",
    ),
    "short mask": (
        {"masks": Z((1, 3), np.uint32)},
        ValueError,
        r"masks: expected the shape \[any, 4\], got \[1, 3\]",
    ),
    "read-only tokens": (
        {"tokens": read_only(Z(2, np.uint32))},
        TypeError,
        r"tokens: expected a writable contiguous array, got ndarray: ",
    ),
    "too few errors": (
        {"errors": Z(1, np.uint32)},
        ValueError,
        r"errors: expected the shape \[2\], got \[1\]",
    ),
    "log-probabilities of another type": (
        {"log_probs": Z(2, np.float64)},
        TypeError,
        r"log_probs: expected float32, got d",
    ),
    "a history that is not there": (
        changed("words", 5, 0),
        ValueError,
        r"words\[1, 5\] \(history\): expected a row below 0 or 4294967295 for none",
    ),
    "an endless temperature": (
        changed("reals", 0, 0),
        ValueError,
        r"reals\[1, 0\] \(1 / temperature\): expected a finite number above 0, got 0",
    ),
    "a top_p that is no number": (
        changed("reals", 1, np.nan),
        ValueError,
        r"reals\[1, 1\] \(top_p\): expected 0 or more, got -?nan",
    ),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED.keys())
def test_what_does_not_fit_is_refused_in_one_sentence(case):
    replaced, error, message = case
    call = Call(**replaced)

    with pytest.raises(error, match=r"^\[sampling\] " + message):
        call()


def test_an_empty_batch_is_none():
    call = Call(
        logits=Z((0, 100), np.float32),
        reals=Z((0, 8), np.float32),
        words=Z((0, 8), np.uint32),
        tokens=Z(0, np.uint32),
        errors=Z(0, np.uint32),
        log_probs=Z(0, np.float32),
    )
    call()


def test_instructions_that_are_not_here_are_refused():
    with pytest.raises(ValueError, match=r"instructions: expected one of .*, got mmx"):
        Sampler("mmx")


def test_two_threads_in_one_sampler_are_refused():
    """The GIL is released, so that a second thread gets in while the first draws."""
    sampler = Sampler("scalar")
    long = Call(logits=Z((2, 4_000_000), np.float32)).arguments
    refusals = []

    def draw(arguments):
        try:
            sampler.sample(**arguments)
        except RuntimeError as error:
            refusals.append(str(error))

    thread = threading.Thread(target=draw, args=[long])
    thread.start()
    while thread.is_alive():
        draw(Call().arguments)
    thread.join()

    assert set(refusals) == {"[sampling] a Sampler is for one thread at a time"}
    draw(long)
    assert long["tokens"].any()
