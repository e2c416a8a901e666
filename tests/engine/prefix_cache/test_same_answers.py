"""What goes on from a kept prefix computes what a cold run computes.

For each kind of cache, from each tier: logits within 1e-4 of those of a model that has
seen nothing before, and the same greedy answer. All in float32.
"""

from functools import partial

import mlx.core as mx
import numpy as np
import pytest
from engine.tiny_models import (
    VOCAB_SIZE,
    tiny_gemma3,
    tiny_gpt_oss,
    tiny_llama,
    tiny_phi3,
    tiny_qwen3_5,
    tiny_qwen3_next,
)
from engine.warm_engine import PLENTY, WarmEngine, asked
from mlx_lm.models.cache import QuantizedKVCache
from reference.cold_run import LOGITS_TOLERANCE, first_fault, largest_error

from pensieve.engine.generator import CHECKPOINT_INTERVAL
from pensieve.engine.prefix_cache.prefix_cache import PrefixCache
from pensieve.engine.prefix_cache.snapshots import Layout

BY_TOKEN = {"llama": tiny_llama, "phi3": tiny_phi3}
WINDOWS = {
    "gemma3": tiny_gemma3,
    "gemma3, a wide window": partial(tiny_gemma3, window=100),
    "gpt_oss": tiny_gpt_oss,
    "gpt_oss, a wide window": partial(tiny_gpt_oss, window=100),
}
HYBRID = {"qwen3_next": tiny_qwen3_next, "qwen3_5": tiny_qwen3_5}
BY_CHECKPOINT = WINDOWS | HYBRID
MODELS = BY_TOKEN | BY_CHECKPOINT
RUN_SIZE = 16


def prompt(size: int, salt: int = 0) -> list[int]:
    return np.random.default_rng(salt).integers(0, VOCAB_SIZE, size).tolist()


@pytest.fixture(scope="module", params=MODELS.values(), ids=MODELS)
def model(request):
    return request.param()


@pytest.fixture(scope="module", params=BY_TOKEN.values(), ids=BY_TOKEN)
def model_by_token(request):
    return request.param()


@pytest.fixture(scope="module", params=BY_CHECKPOINT.values(), ids=BY_CHECKPOINT)
def model_by_checkpoint(request):
    return request.param()


class Tier:
    """Where prefixes are read from."""

    def open(self, layout: Layout, budget_bytes: int = PLENTY) -> PrefixCache:
        return PrefixCache(layout, budget_bytes, RUN_SIZE)

    def settle(self, engine: WarmEngine) -> None:
        """Let what was kept come to the tier, and be nowhere else."""


@pytest.fixture(params=["memory"])
def tier(request):
    return Tier()


class Checked:
    """An engine whose every answer is compared with a cold run's."""

    def __init__(self, model, tier: Tier, **how) -> None:
        self.cold = model
        self.engine = WarmEngine(model, VOCAB_SIZE, tier.open, keeps_logits=True, **how)
        self._tier = tier
        self._num_asked = 0

    def turn(self, token_ids: list[int], max_tokens: int = 6, head_size: int = 0):
        """Return (answer, prompt tokens that were read)."""
        self._num_asked += 1
        submit = asked(self._num_asked, token_ids, max_tokens, head_size)
        self.engine.model.logits.clear()
        answer = self.engine.run(submit)
        read = self.engine.admitted(self._num_asked).cached_tokens
        logits = np.concatenate(self.engine.model.logits)
        assert len(logits) == len(token_ids) - read + len(answer)
        error = largest_error(self.cold, [*token_ids, *answer], logits)
        assert error < LOGITS_TOLERANCE
        assert first_fault(self.cold, token_ids, answer) is None
        self._tier.settle(self.engine)
        return answer, read

    def broken_off(self, token_ids: list[int], steps: int = 0, tokens: int = 0):
        """Cancel after some steps, or some tokens; return what was said till then."""
        self._num_asked += 1
        self.engine.submit(asked(self._num_asked, token_ids, max_tokens=900))
        self.engine.step(steps)
        while len(self.engine.tokens(self._num_asked)) < tokens:
            self.engine.step()
        self.engine.scheduler.cancel(0, self._num_asked)
        self._tier.settle(self.engine)
        return self.engine.tokens(self._num_asked)


def test_the_turns_of_a_conversation(model, tier):
    checked = Checked(model, tier)
    said, expected_size = prompt(50), 0

    for turn in range(4):
        answer, size = checked.turn(said)
        assert size == expected_size
        expected_size = len(said) + len(answer)
        said = [*said, *answer, *prompt(9 + 20 * turn, salt=turn)]


@pytest.mark.parametrize("size", [6, 40, 90, 160])
def test_a_prompt_that_comes_again(model, tier, size):
    """Shorter and longer than the windows."""
    checked = Checked(model, tier)
    checked.turn(prompt(size))

    _, read = checked.turn(prompt(size))

    assert read == size - 1


@pytest.mark.parametrize("shared", [5, 16, 37, 48, 63])
def test_a_branch_in_the_middle_of_a_run(model_by_token, tier, shared):
    checked = Checked(model_by_token, tier)
    checked.turn(prompt(64))

    _, read = checked.turn([*prompt(64)[:shared], *prompt(20, salt=1)])

    assert read == shared


@pytest.mark.parametrize("head_size", [5, 16, 37, 120])
def test_a_branch_at_a_checkpoint(model, tier, head_size):
    checked = Checked(model, tier)
    head = prompt(head_size)
    checked.turn(head + prompt(50, salt=1), head_size=head_size)

    _, read = checked.turn(head + prompt(70, salt=2), head_size=head_size)

    assert read == head_size


def test_a_branch_above_a_checkpoint(model_by_checkpoint, tier):
    checked = Checked(model_by_checkpoint, tier)
    checked.turn(prompt(200), head_size=40)

    _, read = checked.turn([*prompt(200)[:110], *prompt(30, salt=1)], head_size=40)

    assert read == 40


def test_a_branch_before_a_window_has_turned_over(tier):
    """A window that still holds all tokens gives some back."""
    checked = Checked(tiny_gemma3(window=100), tier)
    checked.turn(prompt(70))

    _, read = checked.turn([*prompt(70)[:66], *prompt(30, salt=1)])

    assert read == 66


@pytest.mark.parametrize("taken_back", [1, 5, 30])
def test_an_answer_whose_last_tokens_a_stop_string_takes_back(model, tier, taken_back):
    checked = Checked(model, tier)
    said = checked.broken_off(prompt(40), tokens=200)
    kept = [*prompt(40), *said[:-taken_back]]

    _, read = checked.turn([*kept, *prompt(11, salt=1)])

    assert len(kept) - CHECKPOINT_INTERVAL < read <= len(kept)


@pytest.mark.parametrize("steps", [1, 3, 6])
def test_a_prefill_that_was_broken_off(model, tier, steps):
    checked = Checked(model, tier)
    checked.broken_off(prompt(130), steps=steps)

    _, read = checked.turn(prompt(130))

    assert read == 16 * steps


def test_an_answer_that_was_broken_off(model, tier):
    checked = Checked(model, tier)
    said = checked.broken_off(prompt(30), tokens=17)

    _, read = checked.turn([*prompt(30), *said, *prompt(4, salt=1)])

    assert read == 30 + len(said)


def test_rows_of_many_lengths_in_one_batch(model, tier):
    checked = Checked(model, tier)
    starts = [prompt(20 + 45 * salt, salt) for salt in range(3)]
    for start in starts:
        checked.turn(start)
    batch = [
        asked(100 + i, starts[i % 3] + prompt(1 + 7 * i, salt=9), max_tokens=5 + 3 * i)
        for i in range(6)
    ]

    checked.engine.run(*batch)

    for i, each in enumerate(batch):
        admitted = checked.engine.admitted(each.sequence_id)
        assert admitted.cached_tokens >= len(starts[i % 3]) - 1
        answer = checked.engine.tokens(each.sequence_id)
        assert len(answer) == each.max_tokens
        assert first_fault(model, each.token_ids, answer) is None


def test_turns_after_rows_of_many_lengths(model, tier):
    """What is kept of a row that others were beside."""
    checked = Checked(model, tier)
    batch = [
        asked(100 + i, prompt(15 + 40 * i, salt=i), max_tokens=9 + i) for i in range(4)
    ]
    checked.engine.run(*batch)
    checked._tier.settle(checked.engine)

    for each in batch:
        answer = checked.engine.tokens(each.sequence_id)
        said = [*each.token_ids, *answer]
        _, read = checked.turn([*said, *prompt(5, salt=8)])
        assert read == len(said)


def test_what_has_no_room_is_computed(model, tier):
    tight = WarmEngine(
        model,
        VOCAB_SIZE,
        partial(tier.open, budget_bytes=20_000),
        keeps_logits=True,
    )
    for sequence_id in range(5):
        submit = asked(sequence_id, prompt(80, sequence_id % 2))
        answer = tight.run(submit)

        logits = np.concatenate(tight.model.logits)
        error = largest_error(model, [*submit.token_ids, *answer], logits)
        assert error < LOGITS_TOLERANCE
        tight.model.logits.clear()
        tier.settle(tight)


# ----- Quantised: mlx-lm's loop for one sequence has such caches, its batches have not.


@pytest.fixture(scope="module")
def model_of_wide_heads():
    """Heads of 32 channels, which can be quantised."""
    return tiny_llama(hidden_size=128, intermediate_size=32)


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("shared", [16, 21, 40])
def test_quantised_caches(model_of_wide_heads, tier, bits, shared):
    model = model_of_wide_heads

    def quantised():
        return [QuantizedKVCache(group_size=32, bits=bits) for _ in range(2)]

    prefixes, cache = tier.open(Layout(quantised())), quantised()
    mx.eval(model(mx.array([prompt(40)]), cache=cache))
    prefixes.keep(prompt(40), cache)
    branch = [*prompt(40)[:shared], *prompt(19, salt=1)]

    hit = prefixes.find(branch)

    assert hit.size == shared
    warm = model(mx.array([branch[hit.size :]]), cache=hit.cache)[0]
    assert largest_error(model, branch, np.array(warm), quantised()) < LOGITS_TOLERANCE
