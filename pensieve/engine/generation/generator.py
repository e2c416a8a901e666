"""Prompts in, tokens out: prefill one prompt, decode all in one batch.

mlx-lm's BatchGenerator without its policy: there a decode step and a chunk of every
prompt are one call, which hands out the tokens of the former only after the latter.
Here the caller orders them. Each prompt is prefilled by itself, so nothing is padded,
and joins the decoding batch when it is complete. What is computed is kept in the prefix
cache, and not computed again. Model thread only.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic

import mlx.core as mx
import mlx.nn as nn
from mlx_lm.models.cache import make_prompt_cache

from pensieve.engine.generation.decoding import DecodingBatch, Key, Row, Token
from pensieve.engine.prefix_cache.disk.tier import Restored
from pensieve.engine.prefix_cache.prefix_cache import PrefixCache
from pensieve.engine.prefix_cache.runs import TokenIds, as_array, common_size
from pensieve.engine.prefix_cache.snapshots import arrays_in
from pensieve.engine.sampling.operations import draw_by_operations
from pensieve.engine.sampling.sampler import Sampler

CLEAR_INTERVAL = 512
"""Decode steps after which MLX's free buffers are given back, as mlx-lm does."""
MIN_SHARED = 32
"""Tokens that have to be saved for a prompt to wait for another's, or for a checkpoint:
a state is as large as the keys and values of thousands."""
CHECKPOINT_INTERVAL = 64
"""Tokens between states of an answer that is being made. What cancels it may take back
its last tokens, those of a stop sequence: then the next turn goes on from there."""


@dataclass
class _Prompt(Generic[Key]):
    row: Row[Key]
    token_ids: TokenIds
    cache: list[Any]  # of mlx-lm, of this sequence alone
    done: int  # tokens in it
    keeps_at: set[int]  # sizes at which what is done is kept

    @property
    def num_left(self) -> int:
        """Tokens to prefill; the last is the first decode step's."""
        return len(self.token_ids) - 1 - self.done


class Generator(Generic[Key]):
    """Sequences, named by keys that the caller chooses.

    Args:
        prefixes: of the same model; None: nothing is kept.
        sampler: draws the tokens.
    """

    def __init__(
        self,
        model: nn.Module,
        prefixes: PrefixCache | None = None,
        sampler: Sampler = draw_by_operations,
    ) -> None:
        self._model = model
        self._prefixes = prefixes or PrefixCache.off()
        self._prompts: dict[Key, _Prompt[Key]] = {}
        self._decoding: DecodingBatch[Key] = DecodingBatch(
            model, sampler, self._keep_row
        )
        self._marks: dict[Key, list[int]] = {}
        """Sizes at which states of answers that are being made are kept."""
        self._num_steps = 0

    def insert(
        self,
        row: Row[Key],
        token_ids: Sequence[int] | TokenIds,
        restored: Restored | None = None,
    ) -> int:
        """Add a sequence, to be prefilled; return how much of it is cached.

        Args:
            token_ids: its prompt, at least one.
            restored: what was read of it from disk, if that was wanted.
        """
        token_ids = as_array(token_ids)
        row.token_ids = token_ids.tolist()
        hit = self._prefixes.hit_of(token_ids, restored) if restored else None
        row.disk_size = hit.size if hit else 0
        hit = hit or self._prefixes.find(token_ids)
        if hit:
            size, cache = hit
        else:
            size, cache = 0, make_prompt_cache(self._model)
        keeps_at = {row.head_size}
        if self._prefixes.needs_checkpoints:
            # Where it leaves another sequence, more may: the next one finds a state.
            branch = self._prefixes.known_size(token_ids)
            keeps_at |= {branch} if branch >= size + MIN_SHARED else set()
            keeps_at |= worth_a_state(row.keep_sizes, {size, row.head_size})
        self._prompts[row.key] = _Prompt(row, token_ids, cache, size, keeps_at)
        return size

    def remove(self, key: Key) -> None:
        """Take a sequence out, if it is there; what was computed of it is kept."""
        prompt = self._prompts.pop(key, None)
        if prompt is None:
            marks = self._marks.pop(key, [])
            if marks:
                self._decoding.visit(partial(self._save_marks, key, marks))
            self._decoding.remove(key)
        else:
            self._keep(prompt, saves=True)

    def prompts(self) -> dict[Key, int]:
        """Return, oldest first, the tokens that each prompt has yet to prefill.

        Its last token is none of them: that is the first decode step's.
        """
        return {key: prompt.num_left for key, prompt in self._prompts.items()}

    def sizes(self) -> dict[Key, int]:
        """Return the tokens of each sequence, those that are yet to prefill as well."""
        sizes = {key: len(each.token_ids) for key, each in self._prompts.items()}
        return sizes | self._decoding.sizes()

    def num_to_prefill(self, token_ids: TokenIds) -> int:
        """Return how much of a prompt is not cached now, but for its last token."""
        return len(token_ids) - 1 - self._prefixes.restorable_size(token_ids)

    def awaits_shared(self, token_ids: TokenIds) -> Key | None:
        """Return the prompt that is now computing what this one begins with, if any.

        Once it is done, or broken off, it can be had from the prefix cache.
        """
        if not (self._prompts and self._prefixes.is_on):
            return None
        cached = self._prefixes.restorable_size(token_ids)
        for key, prompt in self._prompts.items():
            shared = common_size(prompt.token_ids[:-1], token_ids[:-1])
            if shared < cached + MIN_SHARED:
                continue
            if shared > prompt.done:
                prompt.keeps_at.add(shared)
                return key
            if not self._prefixes.needs_checkpoints or shared == prompt.done:
                self._keep(prompt)  # it is past that: what they share can be had now
        return None

    def prefill(self, key: Key, num_tokens: int) -> None:
        """Prefill a part of a prompt; a prompt that is complete begins to decode.

        Args:
            num_tokens: at most what `prompts` says.
        """
        prompt = self._prompts[key]
        end = prompt.done + num_tokens
        while prompt.done < end:
            stops = [size for size in prompt.keeps_at if prompt.done < size < end]
            self._compute(prompt, min(stops, default=end))
            if prompt.done in prompt.keeps_at:
                # Else all of it is saved at its end, and read from any place.
                self._keep(prompt, saves=self._prefixes.needs_checkpoints)
        if prompt.num_left == 0:
            del self._prompts[key]
            self._keep(prompt, saves=True)
            self._decoding.add(prompt.row, int(prompt.token_ids[-1]), prompt.cache)

    def decode(self) -> list[Token[Key]]:
        """Compute a token of every sequence whose prompt is complete.

        A sequence whose token is its last is gone. The next step is begun, or laid out.
        """
        tokens = self._decoding.step()
        if self._prefixes.needs_checkpoints:
            self._decoding.visit(self._mark)
        self._num_steps += 1
        if self._num_steps % CLEAR_INTERVAL == 0:
            mx.clear_cache()
        return tokens

    def _compute(self, prompt: _Prompt[Key], end: int) -> None:
        piece = mx.array(prompt.token_ids[prompt.done : end])[None]
        self._model(piece, cache=prompt.cache)
        mx.eval(arrays_in(prompt.cache))
        mx.clear_cache()
        prompt.done = end

    def _keep(self, prompt: _Prompt[Key], saves: bool = False) -> None:
        token_ids = prompt.token_ids[: prompt.done]
        head_size = prompt.row.head_size
        self._prefixes.keep(token_ids, prompt.cache, 0, head_size, saves)

    def _keep_row(self, row: Row[Key], cache: list[Any], index: int) -> None:
        self._prefixes.keep(row.token_ids, cache, index, row.head_size, saves=True)
        for size in self._marks.pop(row.key, []):  # not cancelled: the end will do
            if size < len(row.token_ids):
                self._prefixes.forget_checkpoint(row.token_ids[:size])

    def _save_marks(
        self,
        key: Key,
        marks: list[int],
        row: Row[Key],
        cache: list[Any],
        index: int,
    ) -> None:
        """Have the states of a row's last marks on disk: its end may be taken back."""
        if row.key == key:
            for size in marks:
                self._prefixes.save_checkpoint(row.token_ids[:size])

    def _mark(self, row: Row[Key], cache: list[Any], index: int) -> None:
        """Keep the state of an answer now and then; of those, the last two."""
        size = len(row.token_ids)
        if size % CHECKPOINT_INTERVAL:
            return
        self._prefixes.keep(row.token_ids, cache, index, row.head_size)
        marks = self._marks.setdefault(row.key, [])
        marks.append(size)
        if len(marks) > 2:
            self._prefixes.forget_checkpoint(row.token_ids[: marks.pop(0)])


def worth_a_state(sizes: Iterable[int], kept: Iterable[int]) -> set[int]:
    """Return those sizes before which there is no other within MIN_SHARED tokens.

    Args:
        kept: sizes that are kept anyway.
    """
    found, wanted = {*kept}, set()
    for size in sorted(sizes):
        if all(not 0 <= size - other < MIN_SHARED for other in found):
            wanted.add(size)
            found.add(size)
    return wanted
