"""What goes on from a kept prefix computes what a cold run computes.

For each kind of cache, from each tier: logits within 1e-4 of those of a model that has
seen nothing before, and the same greedy answer. All in float32.
"""

from functools import partial
from pathlib import Path

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
from engine.warm_engine import FLUSH_S, Tiers, WarmEngine, asked
from mlx_lm.models.cache import QuantizedKVCache
from reference.cold_run import LOGITS_TOLERANCE, first_fault, largest_error

from pensieve.engine.generation.generator import CHECKPOINT_INTERVAL
from pensieve.engine.prefix_cache.disk.keys import GRID

BY_TOKEN = {"llama": tiny_llama, "phi3": tiny_phi3}
WINDOWS = {
    "gemma3": tiny_gemma3,
    "gemma3, a wide window": partial(tiny_gemma3, window=150),
    "gpt_oss": tiny_gpt_oss,
    "gpt_oss, a wide window": partial(tiny_gpt_oss, window=400),
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


class Memory:
    """What was kept is read from memory."""

    def __init__(self, folder: Path) -> None:
        self.tiers = Tiers(run_size=RUN_SIZE)

    def settle(self, engine: WarmEngine) -> None:
        """Let what was kept be in this tier alone."""

    def check(self, read: int, size: int) -> None:
        """Fail unless what was read is what is to be expected of a common prefix."""
        assert read == size


class Disk(Memory):
    """All is read from disk: after each turn the engine starts anew."""

    def __init__(self, folder: Path) -> None:
        self.tiers = Tiers(run_size=RUN_SIZE, disk=folder)

    def settle(self, engine: WarmEngine) -> None:
        engine.restart()

    def check(self, read: int, size: int) -> None:
        """As before, but branches are found at every 16th token only."""
        assert size - GRID < read <= size


@pytest.fixture(params=[Memory, Disk], ids=["memory", "disk"])
def tier(request, tmp_path) -> Memory:
    return request.param(tmp_path)


class Checked:
    """An engine whose every answer is compared with a cold run's."""

    def __init__(self, model, tier: Memory) -> None:
        self.cold = model
        self.engine = WarmEngine(model, VOCAB_SIZE, tier.tiers, keeps_logits=True)
        self.is_from_disk = isinstance(tier, Disk)
        self._tier = tier
        self._num_asked = 0

    def turn(self, token_ids: list[int], max_tokens: int = 6, head_size: int = 0):
        """Return (answer, prompt tokens that were read)."""
        self._num_asked += 1
        submit = asked(self._num_asked, token_ids, max_tokens, head_size)
        self.engine.model.logits.clear()
        answer = self.engine.run(submit)
        admitted = self.engine.admitted(self._num_asked)
        read = admitted.cached_tokens
        if self.is_from_disk:
            assert admitted.disk_tokens == read
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
    said, expected_size = prompt(90), 0

    for turn in range(4):
        answer, read = checked.turn(said)
        assert read == expected_size
        expected_size = len(said) + len(answer)
        said = [*said, *answer, *prompt(9 + 20 * turn, salt=turn)]


@pytest.mark.patient
@pytest.mark.parametrize("size", [90, 161, 420])
def test_a_prompt_that_comes_again(model, tier, size):
    """Shorter and longer than the windows."""
    checked = Checked(model, tier)
    checked.turn(prompt(size))

    _, read = checked.turn(prompt(size))

    tier.check(read, size - 1)


@pytest.mark.patient
@pytest.mark.parametrize("shared", [85, 112, 127])
def test_a_branch_in_the_middle_of_a_run(model_by_token, tier, shared):
    checked = Checked(model_by_token, tier)
    checked.turn(prompt(128))

    _, read = checked.turn([*prompt(128)[:shared], *prompt(20, salt=1)])

    tier.check(read, shared)


@pytest.mark.patient
@pytest.mark.parametrize("head_size", [80, 101, 220])
def test_a_branch_at_a_checkpoint(model, tier, head_size):
    checked = Checked(model, tier)
    head = prompt(head_size)
    checked.turn(head + prompt(50, salt=1), head_size=head_size)

    _, read = checked.turn(head + prompt(70, salt=2), head_size=head_size)

    assert read == head_size


@pytest.mark.patient
def test_a_branch_above_a_checkpoint(model_by_checkpoint, tier):
    checked = Checked(model_by_checkpoint, tier)
    checked.turn(prompt(200), head_size=75)

    _, read = checked.turn([*prompt(200)[:170], *prompt(30, salt=1)], head_size=75)

    assert read == 75


@pytest.mark.patient
def test_a_branch_before_a_window_has_turned_over(tmp_path):
    """A window that still holds all tokens gives some back; on disk it does not."""
    checked = Checked(tiny_gemma3(window=150), Memory(tmp_path))
    checked.turn(prompt(70))

    _, read = checked.turn([*prompt(70)[:66], *prompt(30, salt=1)])

    assert read == 66


@pytest.mark.patient
@pytest.mark.parametrize("taken_back", [1, 30])
def test_an_answer_whose_last_tokens_a_stop_string_takes_back(model, tier, taken_back):
    checked = Checked(model, tier)
    said = checked.broken_off(prompt(40), tokens=200)
    kept = [*prompt(40), *said[:-taken_back]]
    other = (said[-taken_back] + 1) % VOCAB_SIZE

    _, read = checked.turn([*kept, other, *prompt(11, salt=1)])

    assert len(kept) - CHECKPOINT_INTERVAL < read <= len(kept)


@pytest.mark.patient
@pytest.mark.parametrize("steps", [5, 12])
def test_a_prefill_that_was_broken_off(model, tier, steps):
    checked = Checked(model, tier)
    checked.broken_off(prompt(230), steps=steps)

    _, read = checked.turn(prompt(230))

    assert read == 16 * steps


def test_an_answer_that_was_broken_off(model, tier):
    checked = Checked(model, tier)
    said = checked.broken_off(prompt(70), tokens=17)

    _, read = checked.turn([*prompt(70), *said, *prompt(4, salt=1)])

    assert read == 70 + len(said)


@pytest.mark.patient
def test_rows_of_many_lengths_in_one_batch(model, tier):
    checked = Checked(model, tier)
    starts = [prompt(70 + 45 * salt, salt) for salt in range(3)]
    for start in starts:
        checked.turn(start)
    batch = [
        asked(100 + i, starts[i % 3] + prompt(1 + 7 * i, salt=9), max_tokens=5 + 3 * i)
        for i in range(6)
    ]

    checked.engine.run(*batch)

    for i, each in enumerate(batch):
        admitted = checked.engine.admitted(each.sequence_id)
        assert admitted.cached_tokens > len(starts[i % 3]) - GRID
        assert admitted.disk_tokens > 0 or not checked.is_from_disk or i >= 3
        answer = checked.engine.tokens(each.sequence_id)
        assert len(answer) == each.max_tokens
        assert first_fault(model, each.token_ids, answer) is None


@pytest.mark.patient
def test_turns_after_rows_of_many_lengths(model, tier):
    """What is kept of a row that others were beside."""
    checked = Checked(model, tier)
    batch = [
        asked(100 + i, prompt(65 + 40 * i, salt=i), max_tokens=9 + i) for i in range(4)
    ]
    checked.engine.run(*batch)
    tier.settle(checked.engine)

    for each in batch:
        answer = checked.engine.tokens(each.sequence_id)
        said = [*each.token_ids, *answer]
        _, read = checked.turn([*said, *prompt(5, salt=8)])
        assert read == len(said)


@pytest.mark.patient
def test_what_has_no_room_is_computed(model, tier):
    tight = tier.tiers._replace(memory_bytes=20_000, disk_bytes=20_000)
    engine = WarmEngine(model, VOCAB_SIZE, tight, keeps_logits=True)
    for sequence_id in range(5):
        submit = asked(sequence_id, prompt(80, sequence_id % 2))
        engine.model.logits.clear()
        answer = engine.run(submit)

        logits = np.concatenate(engine.model.logits)
        error = largest_error(model, [*submit.token_ids, *answer], logits)
        assert error < LOGITS_TOLERANCE
        tier.settle(engine)


# ----- Quantised: mlx-lm's loop for one sequence has such caches, its batches have not.


@pytest.fixture(scope="module")
def model_of_wide_heads():
    """Heads of 32 channels, which can be quantised."""
    return tiny_llama(hidden_size=128, intermediate_size=32)


@pytest.mark.patient
@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("shared", [80, 85, 104])
def test_quantised_caches(model_of_wide_heads, tier, bits, shared):
    """As a cold run does that is cut at the same places.

    Cut elsewhere, keys differ by float32's rounding, and now and then by a whole step
    of the quantiser: two cold runs differ by more than the tolerance.
    """
    model = model_of_wide_heads

    def quantised():
        return [QuantizedKVCache(group_size=32, bits=bits) for _ in range(2)]

    def learned():
        cache = quantised()
        mx.eval(model(mx.array([prompt(104)]), cache=cache))
        return cache

    prefixes = tier.tiers.open(model, quantised())
    prefixes.keep(prompt(104), learned(), saves=True)
    branch = [*prompt(104)[:shared], *prompt(19, salt=1)]

    if isinstance(tier, Disk):
        assert prefixes.disk.flush(FLUSH_S)
        prefixes = tier.tiers.open(model, quantised())
        plan = prefixes.plan_restore(branch)
        restored = prefixes.disk.restore(plan, len(branch))
        hit = prefixes.hit_of(branch, restored)
    else:
        hit = prefixes.find(branch)

    tier.check(hit.size, shared)
    rest = branch[hit.size :]
    warm = np.array(model(mx.array([rest]), cache=hit.cache)[0])
    cold = learned()
    for layer in cold:
        layer.trim(104 - hit.size)
    assert largest_error(model, rest, warm, cold) < LOGITS_TOLERANCE
