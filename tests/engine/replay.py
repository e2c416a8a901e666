"""Sessions of agents through the engine's own parts: what they read from its cache."""

import random
from collections.abc import Iterable
from functools import cache

import mlx.nn as nn
from engine.tiny_models import tiny_llama
from engine.warm_engine import FLUSH_S, Tiers, WarmEngine, asked
from reference.prompt_traces import Prompt, Session

from pensieve.link.messages import Admitted, Event, Finished

VOCAB_SIZE = 1 << 15
"""So many that different blocks hardly ever begin with the same token."""


@cache
def smallest_llama() -> nn.Module:
    """Two layers of one head: attention over 100,000 tokens in a moment."""
    return tiny_llama(
        hidden_size=8,
        intermediate_size=8,
        num_attention_heads=1,
        num_key_value_heads=1,
        vocab_size=VOCAB_SIZE,
    )


@cache
def block_tokens(block: int, size: int) -> list[int]:
    """Return the tokens that a block stands for, always the same."""
    rng = random.Random(block)
    return [rng.randrange(VOCAB_SIZE) for _ in range(size)]


class Replay:
    """An engine that is sent prompts, and answers each with one token.

    Args:
        tiers: opened at first, and again after each `restart`.
        block_size: tokens of a block.
    """

    def __init__(
        self,
        tiers: Tiers,
        *,
        model: nn.Module | None = None,
        block_size: int = 1,
    ) -> None:
        self._engine = WarmEngine(
            model or smallest_llama(), VOCAB_SIZE, tiers, prefill_chunk=512
        )
        self._block_size = block_size
        self._num_sent = 0
        self.num_read = 0
        """Prompt tokens that were read from the cache, of all prompts so far."""
        self.num_read_from_disk = 0
        """Of these, those that came from disk."""
        self.num_tokens = 0
        """Prompt tokens of all prompts so far."""

    @property
    def num_prefilled(self) -> int:
        """Prompt tokens that the model was given, but for single ones."""
        return self._engine.model.num_prefilled

    @property
    def nbytes(self) -> int:
        """Memory of what is kept."""
        return self._engine.prefixes.nbytes

    @property
    def disk_bytes(self) -> int:
        """Of all that is on disk by now."""
        disk = self._engine.prefixes.disk
        assert disk is not None
        assert disk.flush(FLUSH_S)
        return disk.nbytes

    def restart(self) -> None:
        """Go on as a new process would: nothing is left in memory."""
        self._engine.restart()

    def one_by_one(self, prompts: Iterable[Prompt]) -> None:
        """Send each prompt when the one before is answered."""
        for prompt in prompts:
            self._send(prompt)
            while self._engine.scheduler.has_work:
                self._step()

    def side_by_side(self, sessions: Iterable[Session]) -> list[Prompt]:
        """Send each session's prompts one by one, but all sessions at the same time.

        Returns:
            The prompts in the order in which they were let in.
        """
        to_come = [iter(session) for session in sessions]
        running: dict[int, tuple[int, Prompt]] = {}
        order = []

        def send_next(session: int) -> None:
            prompt = next(to_come[session], None)
            if prompt is not None:
                running[self._send(prompt)] = session, prompt

        for session in range(len(to_come)):
            send_next(session)
        while running:
            for event in self._step():
                if isinstance(event, Admitted):
                    order.append(running[event.sequence_id][1])
                elif isinstance(event, Finished):
                    send_next(running.pop(event.sequence_id)[0])
        return order

    def _send(self, prompt: Prompt) -> int:
        size = self._block_size
        token_ids = [t for block in prompt.blocks for t in block_tokens(block, size)]
        self._num_sent += 1
        self.num_tokens += len(token_ids)
        head_size = prompt.head_size * size
        self._engine.submit(asked(self._num_sent, token_ids, 1, head_size))
        return self._num_sent

    def _step(self) -> list[Event]:
        events = self._engine.step()
        for event in events:
            if isinstance(event, Admitted):
                self.num_read += event.cached_tokens
                self.num_read_from_disk += event.disk_tokens
        return events
