"""Rows of logits with their parameters, made by number: what every sampler is tried on.

`row(number)` always makes the same one. The first NUM_FAST are small and go through all
shapes and filters in seconds; all NUM_ROWS have the vocabularies of real models. Every
fourth is an edge: one of its filters ends right at a token that wins if it is kept.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from reference.philox import WORD, philox_4x32_10
from reference.sampling import RightAnswers, parameters, right_answers

from pensieve.link.messages import SamplingParams

NUM_FAST = 320
NUM_ROWS = 5_200

FAST_SIZES = (1, 3, 33, 1003, 1003, 4096, 32_000)
SIZES = (1, 3, 33, 1003, 32_000, 49_152, 49_152, 151_936, 151_936, 262_144)
DTYPES = ("float32", "float16", "bfloat16")
NO_ROW = WORD

HISTORY, BIAS, MASK = 5, 6, 7
"""Places in `words` of the numbers of these rows."""


@dataclass(frozen=True)
class Row:
    """One row; what is None it does not have."""

    name: str
    logits: np.ndarray
    """[vocab_size] float32, float16, or uint16: the bits of bfloat16."""
    reals: np.ndarray
    words: np.ndarray
    history: np.ndarray | None = None
    bias: np.ndarray | None = None
    mask: np.ndarray | None = None

    @property
    def right_answers(self) -> RightAnswers:
        return right_answers(
            values(self.logits),
            self.reals,
            self.words,
            self.history,
            self.bias,
            self.mask,
        )


@dataclass(frozen=True)
class Batch:
    """Rows of one vocabulary and type, as a sampler gets them."""

    logits: np.ndarray  # [batch_size, vocab_size]
    reals: np.ndarray  # [batch_size, 8]
    words: np.ndarray  # [batch_size, 8]
    histories: np.ndarray | None  # [num_histories, vocab_size]
    biases: np.ndarray | None  # [num_biases, vocab_size]
    masks: np.ndarray | None  # [num_masks, (vocab_size + 31) // 32]

    @property
    def is_bfloat16(self) -> bool:
        return self.logits.dtype == np.uint16


def batch(rows: Sequence[Row]) -> Batch:
    """Put rows together that have the same vocabulary and type."""
    words = np.stack([row.words for row in rows])
    stacks = []
    for place, name in (HISTORY, "history"), (BIAS, "bias"), (MASK, "mask"):
        stack = []
        for i, row in enumerate(rows):
            if (array := getattr(row, name)) is not None:
                words[i, place] = len(stack)
                stack.append(array)
        stacks.append(np.stack(stack) if stack else None)
    logits = np.stack([row.logits for row in rows])
    return Batch(logits, np.stack([row.reals for row in rows]), words, *stacks)


def batches(rows: Iterable[Row], max_size: int) -> Iterator[tuple[list[Row], Batch]]:
    """Put neighbours together as far as they fit."""
    for _, alike in groupby(rows, lambda row: (len(row.logits), row.logits.dtype)):
        held: list[Row] = []
        for each in alike:
            held.append(each)
            if len(held) == max_size:
                yield held, batch(held)
                held = []
        if held:
            yield held, batch(held)


def rows(numbers: Iterable[int] = range(NUM_FAST)) -> Iterator[Row]:
    """Make the rows of these numbers, one at a time."""
    return map(row, numbers)


def row(number: int) -> Row:
    """Make one row."""
    rng = np.random.default_rng([0x5A3, number])
    size = int(rng.choice(FAST_SIZES if number < NUM_FAST else SIZES))
    dtype = str(rng.choice(DTYPES, p=[0.5, 0.2, 0.3]))
    return (edge_row if number % 4 == 3 else plain_row)(number, rng, size, dtype)


def plain_row(number: int, rng, size: int, dtype: str) -> Row:
    shape = list(SHAPES)[number % len(SHAPES)]
    logits = SHAPES[shape](rng, size)
    filters = number // len(SHAPES) % 8  # each combination with each shape
    settings = {
        "temperature": rng.choice([0, 5e-6, 0.05, 0.2, 0.7, 0.7, 1, 1, 1.5, 3]),
        "top_k": rng.choice([1, 2, 5, 20, 50, 1000, size, WORD]) * (filters & 1),
        "top_p": rng.choice([1e-6, 0.3, 0.5, 0.9, 0.95, 0.999]) if filters & 2 else 1,
        "min_p": rng.choice([0.001, 0.05, 0.5, 1]) if filters & 4 else 0,
    }
    history, bias, mask = None, None, None
    if rng.random() < 0.3:
        history = some_history(rng, size)
        settings["repetition_penalty"] = rng.choice([1, 1.1, 1.7, 0.8, 100])
        settings["presence_penalty"] = rng.choice([0, 0.5, 2, -1.5])
        settings["frequency_penalty"] = rng.choice([0, 0.25, 2, -0.2])
    if rng.random() < 0.2:
        bias = some_bias(rng, size)
    if rng.random() < 0.25:
        mask = some_mask(rng, size)
    name = f"{number}: {shape}, {size} {dtype}, " + ", ".join(
        [f"{key} {value:g}" for key, value in settings.items()]
        + ["bias"] * (bias is not None)
        + ["mask"] * (mask is not None)
    )
    return Row(
        name, typed(logits, dtype), *drawn_with(rng, settings), history, bias, mask
    )


def drawn_with(rng, settings) -> tuple[np.ndarray, np.ndarray]:
    seed = int(rng.integers(2**64, dtype=np.uint64))
    position = int(rng.integers(2 ** rng.integers(1, 33)))
    python = {key: np.asarray(value).item() for key, value in settings.items()}
    return parameters(SamplingParams(seed=seed, **python), position)


# ----- Edges -----


def edge_row(number: int, rng, size: int, dtype: str) -> Row:
    """A row where a token wins if the filter keeps it, and the filter just does so or
    just does not; or both are right: the threshold is hit but for rounding."""
    kind = ("top_k", "top_p", "min_p")[number // 4 % 3]
    side = ("in", "out", "at")[number // 12 % 3]
    shape = ("zipf", "normal", "flat", "ties")[number // 36 % 4]
    logits = typed(SHAPES[shape](rng, size), dtype)
    temperature = float(rng.choice([0.3, 0.7, 1, 2]))
    x = values(logits).astype(np.float64)
    gaps = (x.max() - x) * np.float64(np.float32(1 / temperature))
    order = np.argsort(gaps, kind="stable")
    # A token that has a chance to win, and for min-p one below the first.
    ranks = [r for r in range(1, min(12, size)) if 0 < gaps[order[r]] < 4]
    ranks = ranks or [min(1, size - 1)]
    rank = int(rng.choice(ranks))
    weights = np.exp(-gaps)
    mass_before = weights[order[:rank]].sum() / weights.sum()
    settings = {"temperature": temperature}
    if kind == "top_k":
        settings["top_k"] = max(1, rank + (side != "out"))
    elif kind == "top_p":
        shift = {"in": 3e-5, "out": -3e-5, "at": 1e-7 * rng.normal()}[side]
        settings["top_p"] = float(np.clip(mass_before * (1 + shift), 1e-6, 1))
    else:
        shift = {"in": 2e-6, "out": -2e-6, "at": 1e-8 * rng.normal()}[side]
        settings["min_p"] = float(np.exp(-gaps[order[rank]] * (1 + shift)))
    seed = int(rng.integers(2**64, dtype=np.uint64))
    position = winning_position(seed, order[: rank + 1], gaps)
    params = SamplingParams(seed=seed, **settings)
    name = f"{number}: edge of {kind}, {side}, {shape}, {size} {dtype}, {params}"
    return Row(name, logits, *parameters(params, position))


def winning_position(seed: int, token_ids: np.ndarray, gaps: np.ndarray) -> int:
    """Return a position at which the last of these tokens beats the others, or 0."""
    positions = np.arange(2048, dtype=np.uint64)[:, None]
    blocks = token_ids.astype(np.uint64) // 4
    words = philox_4x32_10((blocks, positions, 0, 0), (seed & WORD, seed >> 32))
    chosen = np.choose(token_ids % 4, words)  # [positions, tokens]
    keys = -np.log(-np.log1p(-(chosen + 0.5) / 2**32)) - gaps[token_ids]
    others = keys[:, :-1].max(axis=1, initial=-np.inf)
    return int(np.argmax(keys[:, -1] > others + 1e-3))


# ----- Logits -----


def with_some(logits: np.ndarray, rng, share: float, value: float) -> np.ndarray:
    return np.where(rng.random(len(logits)) < share, value, logits)


def with_one(logits: np.ndarray, rng, value: float) -> np.ndarray:
    return np.where(np.arange(len(logits)) == rng.integers(len(logits)), value, logits)


def normal(rng, size):
    return rng.normal(0, 3, size)


def zipf(rng, size):
    return rng.uniform(1, 1.7) * -np.log(rng.permutation(size) + 1)


SHAPES = {
    "normal": normal,
    "zipf": zipf,
    "peaked": lambda rng, size: with_one(rng.normal(0, 1, size), rng, 14),
    "alone": lambda rng, size: with_one(rng.normal(-9, 2, size), rng, 70),
    "flat": lambda rng, size: rng.normal(0, 1e-3, size),
    "equal": lambda rng, size: np.full(size, -7.25),
    "ties": lambda rng, size: rng.integers(-4, 5, size) / 2.0,
    "offset": lambda rng, size: rng.normal(4e4, 3, size),
    "ascending": lambda rng, size: np.sort(rng.normal(0, 4, size)),
    "wide": lambda rng, size: rng.normal(0, 1, size) * 10.0 ** rng.integers(-40, 37),
    "some_hidden": lambda rng, size: with_some(normal(rng, size), rng, 0.3, -np.inf),
    "most_hidden": lambda rng, size: with_some(normal(rng, size), rng, 0.99, -np.inf),
    "some_infinite": lambda rng, size: with_one(
        with_some(normal(rng, size), rng, 0.001, np.inf), rng, np.inf
    ),
    "all_hidden": lambda rng, size: np.full(size, -np.inf),
    "nan": lambda rng, size: with_one(normal(rng, size), rng, np.nan),
}
"""Without a common divisor with 4, or every fourth would be all that an edge hides."""


def typed(logits: np.ndarray, dtype: str) -> np.ndarray:
    """Return the logits rounded to a type."""
    with np.errstate(over="ignore"):
        exact = logits.astype(np.float32)
        if dtype != "bfloat16":
            return exact.astype(dtype)
    bits = exact.view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(np.uint16)


def values(logits: np.ndarray) -> np.ndarray:
    """Return the float32 that logits of any type are."""
    if logits.dtype == np.uint16:
        return (logits.astype(np.uint32) << 16).view(np.float32)
    return logits.astype(np.float32)


# ----- What is done to them -----


def some_history(rng, size: int) -> np.ndarray:
    """How often tokens are in the answer << 1 | whether they are in the prompt."""
    history = np.zeros(size, np.uint32)
    places = rng.integers(size, size=min(size, 400))
    history[places] = rng.integers(0, 12, len(places)) * rng.integers(0, 2, len(places))
    history[places[0]] = rng.choice([1, 140_001, WORD])
    return history


def some_bias(rng, size: int) -> np.ndarray:
    bias = np.zeros(size, np.float32)
    places = rng.integers(size, size=min(size, 50))
    bias[places] = rng.choice([-np.inf, -100, -1.3, 0.1, 2.7], len(places))
    return bias


def some_mask(rng, size: int) -> np.ndarray:
    """Bits of the tokens that may come: few, many, nearly all or none."""
    share = rng.choice([0.0, 3 / size, 0.01, 0.5, 0.999])
    may_come = rng.random(size) < share
    may_come[rng.integers(size)] |= share > 0
    bits = np.zeros((size + 31) // 32 * 32, np.uint8)
    bits[:size] = may_come
    return np.packbits(bits, bitorder="little").view("<u4").astype(np.uint32)
