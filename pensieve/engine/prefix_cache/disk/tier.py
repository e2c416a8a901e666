"""The prefix cache's second tier: files, bounded in bytes, that outlive the process.

What sequences leave in memory is written in the background as they end. What is wanted
again is planned here by keys alone, and read in whatever thread calls `restore`. All
that goes wrong with a file is a miss: it is removed, and said in the log.
"""

import contextlib
import logging
import os
import sys
import time
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import mlx.core as mx

from pensieve import cache_folder
from pensieve.engine.prefix_cache.disk.complaints import Complaints
from pensieve.engine.prefix_cache.disk.file_format import (
    FILE_TOKENS,
    DamagedFileError,
    read_opening,
)
from pensieve.engine.prefix_cache.disk.forms import KVForm
from pensieve.engine.prefix_cache.disk.index import DiskFile, Index, Step
from pensieve.engine.prefix_cache.disk.jobs import (
    Job,
    KVBody,
    Piece,
    StateBody,
    followed_to,
    host_copy,
    on_cuda,
)
from pensieve.engine.prefix_cache.disk.keys import (
    GRID,
    Chain,
    KeyMaker,
    file_ranges,
    key_sizes,
)
from pensieve.engine.prefix_cache.disk.restore import Reader
from pensieve.engine.prefix_cache.disk.room import touch
from pensieve.engine.prefix_cache.disk.state_form import (
    NOT_OURS,
    put_together,
    taken_apart,
)
from pensieve.engine.prefix_cache.disk.writer import Writer
from pensieve.engine.prefix_cache.runs import TokenIds
from pensieve.engine.prefix_cache.snapshots import States

log = logging.getLogger(__name__)

STALE_S = 3600.0
"""After which a file that is still being written will not be any more."""


class Plan(NamedTuple):
    """A prefix that is on disk."""

    size: int
    """Its tokens."""
    steps: list[Step]
    state: DiskFile | None
    chain: Chain
    limit: int
    """Tokens that were asked for at most."""


class Restored(NamedTuple):
    """A prefix that was read."""

    size: int
    layers: list[list[mx.array]]
    """Arrays of each layer that keeps its tokens, with room behind them."""
    states: States | None


class DiskTier:
    """One model's files.

    Args:
        root: of all models' files.
        folder: of this model's, below it.
        keys: made with its secret.
        template: the model's empty caches.
        form: of its keys and values.
        digest: of all that its files have in common.
        has_states: whether a prefix can be restored only where there is a state.
        budget_bytes: of all models' files.
        queue_bytes: of memory that may wait to be written.
    """

    def __init__(
        self,
        root: Path,
        folder: Path,
        keys: KeyMaker,
        template: Sequence[Any],
        form: KVForm,
        digest: bytes,
        *,
        has_states: bool,
        budget_bytes: int,
        queue_bytes: int,
    ) -> None:
        self.budget_bytes = budget_bytes
        self._folder = folder
        self._keys = keys
        self._template = template
        self._form = form
        self._digest = digest
        self._has_states = has_states
        self._on_cuda = on_cuda()
        self._complaints = Complaints(log)
        self._index = Index()
        self._reader = Reader()
        self._writer = Writer(
            root, budget_bytes, queue_bytes, self._index, self._complaints
        )
        self._scan()
        self._writer.start()
        weakref.finalize(self, self._writer.end)

    @property
    def nbytes(self) -> int:
        """Of all models' files, as far as is known. Any thread."""
        return self._writer.total_bytes

    @property
    def num_files(self) -> int:
        """Of this model, as far as is known. Any thread."""
        return len(self._index)

    @property
    def waiting_bytes(self) -> int:
        """Of files that are yet to be written. Any thread."""
        return self._writer.waiting_bytes

    def flush(self, timeout_s: float) -> bool:
        """Wait until what was saved is written; return whether it is. Any thread."""
        return self._writer.flush(timeout_s)

    def _scan(self) -> None:
        """Know the files that are there."""
        self._remove_leftovers()
        for entry in cache_folder.entries_in(self._folder):
            with contextlib.suppress(OSError):
                self._add(entry.path)

    def _forget_gone(self) -> None:
        """Forget the files that somebody has removed: they can be written again."""
        there = {entry.path for entry in cache_folder.entries_in(self._folder)}
        self._index.discard(self._index.paths() - there)

    # ----- Out -----

    def plan(self, token_ids: TokenIds, limit: int) -> Plan | None:
        """Return how the longest prefix of at most `limit` tokens can be had."""
        return self._planned(self._keys.chain(token_ids), limit)

    def _planned(self, chain: Chain, limit: int) -> Plan | None:
        steps, size = [], limit
        if self._form.arrays:
            steps = self._index.kv_steps(chain, limit)
            size = steps[-1].until if steps else 0
        if not self._has_states:
            return Plan(size, steps, None, chain, limit) if size else None
        state = self._index.state_file(chain, size)
        if state is None:
            return None
        size = state.end
        steps = [
            Step(file, min(until, size)) for file, until in steps if file.start < size
        ]
        return Plan(size, steps, state, chain, limit)

    def restore(self, plan: Plan, length: int) -> Restored | None:
        """Read a plan's files, or of fewer where some are not good any more.

        Args:
            length: tokens that the arrays have room for, the plan's and others.
        """
        wanted: Plan | None = plan
        while wanted is not None:
            try:
                return self._read(wanted, length)
            except DamagedFileError as error:
                self._drop(error)
            except OSError as error:
                self._complaints.tell(f"cannot be read ({error.strerror})", error)
                return None
            wanted = self._planned(plan.chain, plan.limit)
        return None

    def _read(self, plan: Plan, length: int) -> Restored:
        layers = self._reader.kv(self._form, self._digest, plan.steps, length)
        states = None
        paths = [step.file.path for step in plan.steps]
        if plan.state is not None:
            told, arrays = self._reader.state(plan.state, self._digest)
            try:
                states = States(put_together(self._template, told, arrays), plan.size)
            except NOT_OURS as error:
                raise DamagedFileError(plan.state.path, str(error)) from error
            paths.append(plan.state.path)
        touch(paths)
        return Restored(plan.size, layers, states)

    # ----- In -----

    def save(
        self,
        token_ids: TokenIds,
        pieces: Sequence[Piece],
        states: States | None,
        head_size: int,
    ) -> None:
        """Begin to write what is not on disk of a sequence. Model thread only.

        Args:
            token_ids: all of the sequence.
            pieces: of its keys and values, from its start on, evaluated or about to be.
            states: at its end; None: none, or not to be written.
            head_size: leading tokens that other sequences begin with too.
        """
        chain, size = self._keys.chain(token_ids), len(token_ids)
        steps = self._index.kv_steps(chain, size) if self._form.arrays else []
        paths = [step.file.path for step in steps]
        self._writer.touch([*paths])
        if self._form.arrays:
            done = steps[-1].until if steps else 0
            paths += self._save_kv(chain, done, size, pieces, head_size)
        if states is not None and self._has_states:
            paths += self._save_state(chain, states, head_size)
        self._writer.touch(paths)

    def missing_from(self, token_ids: TokenIds) -> int:
        """Return the first token whose keys and values are not on disk."""
        steps = self._index.kv_steps(self._keys.chain(token_ids), len(token_ids))
        return steps[-1].until if steps else 0

    def room_tokens(self, copy_bytes: int = sys.maxsize) -> int:
        """Return the tokens whose keys and values `save` would take now.

        Args:
            copy_bytes: of memory that they may take.
        """
        if not self._form.arrays:
            return 0
        room = self._writer.free_bytes // self._form.body_bytes(1)
        return min(room, copy_bytes // self._form.token_bytes)

    def _save_kv(
        self,
        chain: Chain,
        done: int,
        size: int,
        pieces: Sequence[Piece],
        head_size: int,
    ) -> list[Path]:
        first = done // GRID * GRID
        pieces = [piece for piece in pieces if piece.end > first]
        if not all(self._form.fits(piece.layers) for piece in pieces):
            self._complaints.tell("keys and values of another form", self._folder)
            return []
        # The writer may have lost files that were there when the pieces were made.
        there = followed_to(pieces, first)
        if self._on_cuda:
            last = done + self.room_tokens()
            pieces = [piece.on_host() for piece in pieces if piece.start < last]
            there = followed_to(pieces, first)
        paths = []
        for start, end in file_ranges(done, size, head_size, FILE_TOKENS):
            own = [p for p in pieces if p.start < end and p.end > start]
            path = self._path(chain.at(end), "kv", start, end <= head_size)
            job = Job(
                path,
                "kv",
                start,
                end,
                [chain.at(each) for each in key_sizes(start, end)],
                self._digest,
                KVBody(self._form, start, end, own),
                self._form.body_bytes(end - start),
            )
            if end > there or not self._writer.write(job):
                break
            paths.append(path)
        return paths

    def _save_state(self, chain: Chain, states: States, head_size: int) -> list[Path]:
        key = chain.at(states.size)
        if there := self._index.state_of(key):
            return [there.path]
        told, arrays = taken_apart(states.layers)
        contiguous = [mx.contiguous(array) for array in arrays]
        mx.async_eval(contiguous)  # type: ignore[no-untyped-call]
        path = self._path(key, "state", 0, states.size <= head_size)
        nbytes = sum(array.nbytes for array in arrays)
        held = [*map(host_copy, contiguous)] if self._on_cuda else contiguous
        body = StateBody(held)
        job = Job(
            path, "state", 0, states.size, [key], self._digest, body, nbytes, told
        )
        return [path] if self._writer.write(job) else []

    def _path(self, key: bytes, kind: str, start: int, is_head: bool) -> Path:
        prefix = cache_folder.HEAD_PREFIX if is_head else ""
        return self._folder / f"{prefix}{key.hex()}-{start:x}.{kind}"

    # ----- Files that are there -----

    def _add(self, path: Path) -> None:
        """Know a file, if it is good.

        Raises:
            OSError: it cannot be read; it may be gone.
        """
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            header, _ = read_opening(descriptor, path)
            nbytes = os.fstat(descriptor).st_size
        except DamagedFileError as error:
            self._drop(error)
            return
        finally:
            os.close(descriptor)
        is_state = header.kind == "state"
        sizes = [header.end] if is_state else key_sizes(header.start, header.end)
        if header.form != self._digest or len(header.keys) != len(sizes):
            self._drop(DamagedFileError(path, "it is of another model"))
            return
        keys = tuple(header.keys)
        self._index.add(
            DiskFile(path, is_state, header.start, header.end, keys, nbytes)
        )

    def _drop(self, error: DamagedFileError) -> None:
        """Remove a file that is of no use."""
        self._index.discard([error.path])
        if not error.path.exists():
            self._forget_gone()
            return
        self._complaints.tell("a file is removed", error)
        with contextlib.suppress(OSError):
            error.path.unlink(missing_ok=True)

    def _remove_leftovers(self) -> None:
        """Remove what processes that are dead were writing."""
        with contextlib.suppress(OSError):
            for path in self._folder.glob(".*.tmp"):
                pid = path.name.split(".")[1]
                is_old = time.time() - path.stat().st_mtime > STALE_S
                if is_old or not (pid.isdigit() and _is_alive(int(pid))):
                    path.unlink(missing_ok=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
