"""A model, its prefix cache and a disk tier, as an engine has them; and again later."""

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

import mlx.core as mx
import numpy as np
import pytest
from engine.tiny_models import VOCAB_SIZE
from mlx_lm.models.cache import make_prompt_cache

from pensieve.engine.prefix_cache.disk import writer
from pensieve.engine.prefix_cache.disk.forms import KVForm, signature
from pensieve.engine.prefix_cache.disk.keys import KeyMaker
from pensieve.engine.prefix_cache.disk.tier import DiskTier
from pensieve.engine.prefix_cache.layers import batched
from pensieve.engine.prefix_cache.prefix_cache import ROOM, PrefixCache
from pensieve.engine.prefix_cache.snapshots import Layout

PLENTY = 1 << 30
FLUSH_S = 60
"""For what takes milliseconds; nothing is asserted of it."""


def prompt(size: int, salt: int = 0) -> list[int]:
    rng = np.random.default_rng(salt)
    return rng.integers(0, VOCAB_SIZE, size).tolist()


@contextlib.contextmanager
def held_up() -> Iterator[None]:
    """Have all writers wait, until this ends, with the file that they are at."""
    goes_on, write_all = threading.Event(), writer.write_all

    def late(descriptor, chunks):
        goes_on.wait(FLUSH_S)
        write_all(descriptor, chunks)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer, "write_all", late)
        try:
            yield
        finally:
            goes_on.set()


def used_cache(make):
    """Return caches to which something was written; `make` gives them or is a model."""
    cache = make_prompt_cache(make) if hasattr(make, "layers") else make()
    if hasattr(make, "layers"):
        mx.eval(make(mx.array([[0]]), cache=cache))
    return cache


def tier(
    root: Path,
    model,
    *,
    folder="model",
    secret=b"secret",
    context=b"",
    budget_bytes=PLENTY,
    bits=0,
    queue_bytes=PLENTY,
) -> DiskTier:
    used = used_cache(model)
    layout = Layout(make_prompt_cache(model))
    form = KVForm.of_cache(used, bits)
    return DiskTier(
        root,
        root / folder,
        KeyMaker(secret, context),
        layout.template,
        form,
        signature(used, form)[:16],
        has_states=layout.has_states,
        budget_bytes=budget_bytes,
        queue_bytes=queue_bytes,
    )


class Warm:
    """A model with both tiers; `again` gives what another process would find."""

    def __init__(self, model, root: Path, run_size=64, **changes) -> None:
        self.model, self.root, self.changes = model, root, changes
        layout = Layout(make_prompt_cache(model))
        self.prefixes = PrefixCache(layout, PLENTY, run_size)
        self.prefixes.disk = self.disk = tier(root, model, **changes)

    def again(self, **changes) -> "Warm":
        return Warm(self.model, self.root, **(self.changes | changes))

    def learn(self, token_ids, pieces=(), head_size=0) -> "Warm":
        """Compute a sequence and keep it, also at the ends of pieces; write it."""
        self.keep(token_ids, pieces, head_size)
        assert self.disk.flush(FLUSH_S)
        return self

    def keep(self, token_ids, pieces=(), head_size=0):
        """Do so, but for waiting until it is written; return its caches."""
        cache, done = [*map(batched, make_prompt_cache(self.model))], 0
        for end in [*pieces, len(token_ids)]:
            self.model(mx.array([token_ids[done:end]]), cache=cache)
            self.prefixes.keep(token_ids[:end], cache, 0, head_size, saves=True)
            done = end
        return cache

    def restored(self, token_ids):
        """Return what is read from disk of all tokens but the last, if anything."""
        ids = np.asarray(token_ids, np.int32)
        plan = self.disk.plan(ids, len(ids) - 1)
        return plan and self.disk.restore(plan, len(ids) + ROOM)

    def size(self, token_ids) -> int:
        """Return how many tokens are read from disk."""
        restored = self.restored(token_ids)
        return restored.size if restored else 0

    def error(self, token_ids) -> tuple[int, float]:
        """Return that, and the largest difference of logits from a cold prefill."""
        restored = self.restored(token_ids)
        hit = restored and self.prefixes.hit_of(token_ids, restored)
        size, cache = hit or (0, make_prompt_cache(self.model))
        warm = self.model(mx.array([token_ids[size:]]), cache=cache)[0]
        cold_cache = make_prompt_cache(self.model)
        cold = self.model(mx.array([token_ids]), cache=cold_cache)[0, size:]
        return size, mx.abs(warm - cold).max().item()

    @property
    def files(self) -> list[Path]:
        folder = self.root / "model"
        return sorted(p for p in folder.glob("*") if p.suffix in (".kv", ".state"))
