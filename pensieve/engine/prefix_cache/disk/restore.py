"""Files in, arrays of their final length out: each byte is read to where it stays.

Two threads take array after array, so that the memory of one is made (the kernel clears
each page) while another is read. A checksum is taken of each part right after it was
read, while it is in the processor's cache. Neither thread holds the interpreter in the
meantime. On CUDA an array is read into ordinary memory first, and handed over whole.
"""

import contextlib
import itertools
import math
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import NamedTuple

import mlx.core as mx
import numpy as np
import xxhash

from pensieve.engine.prefix_cache.disk.eight_bit import unpack
from pensieve.engine.prefix_cache.disk.file_format import (
    DamagedFileError,
    Header,
    read_opening,
)
from pensieve.engine.prefix_cache.disk.forms import ArrayForm, KVForm, dtype_of
from pensieve.engine.prefix_cache.disk.index import DiskFile, Step
from pensieve.engine.prefix_cache.disk.jobs import bytes_of, on_cuda
from pensieve.engine.prefix_cache.disk.state_form import NOT_OURS, ArrayShape, shapes

MAX_OPEN_FILES = 100
"""At a time; a process of macOS may have 256."""
NUM_THREADS = 2
_THREADS = ThreadPoolExecutor(NUM_THREADS, "prefix cache reader")
"""Shared by all readers: MLX keeps a stream for each thread that ever used it, and
waits for all of them whenever it gives buffers back. Begun with the first restore."""


class OpenFile(NamedTuple):
    """A file whose header is checked."""

    file: DiskFile
    until: int
    descriptor: int
    header: Header
    body_offset: int

    @property
    def start(self) -> int:
        """First token."""
        return self.header.start

    @property
    def num_tokens(self) -> int:
        """That the file has, wanted or not."""
        return self.header.end - self.header.start


class Target(NamedTuple):
    """An array that is being filled, and its bytes."""

    view: memoryview
    array: mx.array | None
    """None: the bytes are not an array's yet."""


class Reader:
    """Restores one sequence after the other. Of one thread, helped by _THREADS."""

    def __init__(self) -> None:
        self._on_cuda = on_cuda()

    def kv(
        self, form: KVForm, digest: bytes, steps: Sequence[Step], length: int
    ) -> list[list[mx.array]]:
        """Return each layer's arrays, [1, num_heads, length, width], evaluated.

        Args:
            digest: of the form, as headers have it.
            steps: files that follow each other.
            length: tokens that the arrays have room for; zeros, or what is not to be
                looked at, behind the last.

        Raises:
            DamagedFileError: a file is not what it should be.
            OSError: a file cannot be read.
        """
        targets: list[Target | None] = [None] * len(form.arrays)
        for first in range(0, len(steps), MAX_OPEN_FILES):
            with _opened(steps[first : first + MAX_OPEN_FILES], digest) as files:
                offsets = [form.offsets(file.num_tokens) for file in files]

                places = [*zip(files, offsets, strict=True)]
                filling = [
                    _THREADS.submit(self._filled, i, each, targets[i], places, length)
                    for i, each in enumerate(form.arrays)
                ]
                wait(filling)  # all of them, before the files are closed
                targets = [each.result() for each in filling]
        filled = iter(targets)
        return [
            [self._finished(next(filled), each, length) for each in layer]
            for layer in form.layers
        ]

    def state(self, file: DiskFile, digest: bytes) -> tuple[bytes, list[mx.array]]:
        """Return what a state's header says of it, and its arrays, evaluated.

        Raises:
            DamagedFileError: the file is not what it should be.
            OSError: it cannot be read.
        """
        with _opened([Step(file, file.end)], digest) as [opened]:
            try:
                return opened.header.state, self._state_arrays(opened)
            except NOT_OURS as error:
                raise DamagedFileError(file.path, str(error)) from error

    def _filled(
        self,
        i: int,
        form: ArrayForm,
        target: Target | None,
        places: list[tuple[OpenFile, list[int]]],
        length: int,
    ) -> Target:
        """Read an array's part of some files; make it first, if there is none yet."""
        shape = (1, form.num_heads, length, form.width)
        target = target or self._target(shape, form.dtype)
        for file, offsets in places:
            _read_tokens(file, i, offsets[i], form, target.view, length)
        return target

    def _target(self, shape: tuple[int, ...], dtype: str) -> Target:
        if self._on_cuda:
            size = math.prod(shape) * dtype_of(dtype).size
            return Target(memoryview(bytearray(size)), None)
        array = mx.zeros(shape, dtype_of(dtype), stream=mx.cpu)
        mx.eval(array)
        return Target(bytes_of(array), array)

    def _finished(
        self, target: Target | None, form: ArrayForm, length: int
    ) -> mx.array:
        assert target is not None
        if target.array is not None:
            return target.array
        shape = (1, form.num_heads, length, form.width)
        return _copied(target.view, shape, form.dtype)

    def _state_arrays(self, opened: OpenFile) -> list[mx.array]:
        wanted = shapes(opened.header.state)
        ends = [*itertools.accumulate((each.nbytes for each in wanted), initial=0)]
        expected = opened.body_offset + ends[-1]
        if expected != os.fstat(opened.descriptor).st_size:
            raise DamagedFileError(opened.file.path, "its body has another size")
        return [
            self._state_array(opened, i, ends[i], each) for i, each in enumerate(wanted)
        ]

    def _state_array(
        self, opened: OpenFile, i: int, offset: int, each: ArrayShape
    ) -> mx.array:
        shape = tuple(each.shape)
        target = self._target(shape, each.dtype)
        _read(opened, [target.view], opened.body_offset + offset)
        _check(opened, i, [target.view])
        if target.array is not None:
            return target.array
        return _copied(target.view, shape, each.dtype)


@contextlib.contextmanager
def _opened(steps: Sequence[Step], digest: bytes) -> Iterator[list[OpenFile]]:
    """Open files and check their headers; close them all.

    Raises:
        DamagedFileError: one is damaged, or not the file that it was.
        OSError: one cannot be opened.
    """
    with contextlib.ExitStack() as stack:
        files = []
        for file, until in steps:
            try:
                descriptor = os.open(file.path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError as error:
                raise DamagedFileError(file.path, "it is gone") from error
            stack.callback(os.close, descriptor)
            if hasattr(os, "posix_fadvise"):
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_WILLNEED)
            header, body_offset = read_opening(descriptor, file.path)
            same = (file.start, file.end, file.keys, digest)
            if same != (header.start, header.end, tuple(header.keys), header.form):
                raise DamagedFileError(file.path, "it is another file now")
            files.append(OpenFile(file, until, descriptor, header, body_offset))
        yield files


def _read_tokens(
    opened: OpenFile,
    i: int,
    offset: int,
    form: ArrayForm,
    view: memoryview,
    length: int,
) -> None:
    """Read an array's part of a file, and check it.

    Args:
        i: index of the array.
        offset: of the array in the body.
        view: the whole array's bytes.
    """
    count, token_bytes = opened.num_tokens, form.token_bytes
    places = [
        (head * length + opened.start) * token_bytes for head in range(form.num_heads)
    ]
    offset += opened.body_offset
    if not form.bits and opened.header.end <= length:
        # What is not wanted of it is written over, or not looked at.
        size = count * token_bytes
        parts = [view[place : place + size] for place in places]
        _read(opened, parts, offset)
        _check(opened, i, parts)
        return
    stored = memoryview(bytearray(form.array_bytes(count)))
    _read(opened, [stored], offset)
    _check(opened, i, [stored])
    each, wanted = form.stored_bytes(count), opened.until - opened.start
    for head, place in enumerate(places):
        part = stored[head * each : (head + 1) * each]
        target = view[place : place + wanted * token_bytes]
        if form.bits:
            values = memoryview(bytearray(count * token_bytes))
            unpack(part, values, form.width, form.dtype)
            part = values
        target[:] = part[: wanted * token_bytes]


def _read(opened: OpenFile, views: list[memoryview], offset: int) -> None:
    """Fill memory from a place in a file.

    Raises:
        DamagedFileError: it ends before.
    """
    size = sum(len(view) for view in views)
    got = os.preadv(opened.descriptor, views, offset) if len(views) < 512 else 0
    if got == size:
        return
    for view in views:  # a signal, or more than one call may ask for
        while len(view):
            read = os.preadv(opened.descriptor, [view], offset)
            if read == 0:
                raise DamagedFileError(opened.file.path, "it is cut off")
            offset += read
            view = view[read:]


def _check(opened: OpenFile, i: int, views: Sequence[memoryview]) -> None:
    digest = xxhash.xxh3_64()
    for view in views:
        digest.update(view)
    sums = opened.header.sums
    if i >= len(sums) or digest.intdigest() != sums[i]:
        raise DamagedFileError(opened.file.path, f"array {i} is damaged")


def _copied(view: memoryview, shape: tuple[int, ...], dtype: str) -> mx.array:
    """Return an array of its own with these bytes."""
    kind = dtype_of(dtype)
    unsigned = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}[kind.size]
    array = mx.array(np.frombuffer(view, unsigned).reshape(shape)).view(kind)
    mx.eval(array)
    return array
