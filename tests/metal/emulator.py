"""Runs the kernels' very texts on this CPU, one threadgroup after the other.

Threads are fibers (tests/metal/emulated), so that what a GPU leaves undefined is found:
words of threadgroup memory that two threads use without a barrier between, barriers and
simdgroup operations that not all come to, indices outside of an array, and what is read
before it is written. The program that runs them is a process of its own.
"""

import os
import platform
import shutil
import struct
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent / "emulated"
COMPILE = ("-std=c++20", "-O1", "-ffp-contract=off", "-Wall", "-Wno-unknown-pragmas")
SCHEDULES = (0, 1, 2)
"""In order, backwards, and shuffled."""
C_TYPES = {"float32": "float", "float16": "half", "bfloat16": "bfloat"}
C_TYPES |= {"uint32": "uint"}


class EmulatorError(Exception):
    """A kernel did what a GPU leaves undefined; says what and where."""


@dataclass(frozen=True)
class Kernel:
    """A body, and its arrays in the order in which MLX hands them over.

    Args:
        inputs: names and dtypes.
        outputs: likewise, of 4 bytes each.
    """

    name: str
    body: str
    inputs: Sequence[tuple[str, str]]
    outputs: Sequence[tuple[str, str]]


class Emulator:
    """Kernels compiled with some constants.

    Args:
        header: what the bodies call, without a prelude.
        constants: of the template.
    """

    def __init__(
        self,
        folder: Path,
        header: str,
        kernels: Sequence[Kernel],
        constants: Mapping[str, int],
    ) -> None:
        self._kernels = {kernel.name: kernel for kernel in kernels}
        self._names = [*self._kernels]
        self._threads = constants["THREADS"]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "kernels.cpp").write_text(_program(header, kernels, constants))
        compiler = os.environ.get("CXX") or shutil.which("c++") or "g++"
        command = [compiler, *COMPILE, f"-I{HERE}", "-o", "kernels", "kernels.cpp"]
        made = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        assert made.returncode == 0, made.stderr
        assert not made.stderr, made.stderr
        self._program = folder / "kernels"
        self._process: subprocess.Popen[bytes] | None = None

    def run(
        self,
        name: str,
        inputs: Sequence[np.ndarray],
        sizes: Sequence[int],
        grid: tuple[int, int],
        schedule: int = 0,
    ) -> list[np.ndarray]:
        """Return a kernel's outputs, flat.

        Args:
            sizes: of the outputs, in elements.
            grid: threadgroups in x and y.

        Raises:
            EmulatorError: the kernel did something undefined, or broke its process.
        """
        kernel = self._kernels[name]
        assert len(inputs) == len(kernel.inputs)
        assert len(sizes) == len(kernel.outputs)
        head = [self._names.index(name), schedule, self._threads, *grid]
        asked = struct.pack("=7I", *head, len(inputs), len(sizes))
        for array in inputs:
            asked += struct.pack("=I", array.nbytes) + array.tobytes()
        asked += struct.pack(f"={len(sizes)}I", *sizes)
        answer = self._ask(asked)
        length = struct.unpack("=I", answer(4))[0]
        if length:
            raise EmulatorError(f"{name}: {answer(length).decode()}")
        return [
            np.frombuffer(answer(4 * size), dtype)
            for size, (_, dtype) in zip(sizes, kernel.outputs, strict=True)
        ]

    def close(self) -> None:
        """End the process."""
        if self._process:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _ask(self, asked: bytes):
        if self._process is None:
            pipe = subprocess.PIPE
            self._process = subprocess.Popen(self._program, stdin=pipe, stdout=pipe)
        process = self._process
        assert process.stdin
        assert process.stdout
        process.stdin.write(asked)
        process.stdin.flush()
        stdout = process.stdout

        def answer(size: int) -> bytes:
            read = stdout.read(size)
            if len(read) < size:
                code = process.wait()
                self.close()
                raise EmulatorError(f"the process ended with {code}")
            return read

        return answer


def skip_where_it_cannot_run() -> None:
    """Skip a test on systems whose fibers the emulator does not know."""
    if platform.system() != "Linux":
        pytest.skip("the emulator runs on Linux; on a Mac `make test-metal` has a GPU")


def _program(
    header: str, kernels: Sequence[Kernel], constants: Mapping[str, int]
) -> str:
    lines = ['#include "language.hpp"', header]
    lines += [f"constexpr int {name} = {value};" for name, value in constants.items()]
    lines += [_function(kernel) for kernel in kernels]
    table = ", ".join(f"{{run_{kernel.name}}}" for kernel in kernels)
    lines += [
        f"const emulated::Kernel emulated::KERNELS[] = {{{table}}};",
        "int main() { return emulated::serve(); }",
    ]
    return "\n".join(lines)


def _function(kernel: Kernel) -> str:
    lines = [f"static void run_{kernel.name}() {{"]
    for way, arrays in (("input", kernel.inputs), ("output", kernel.outputs)):
        for i, (name, dtype) in enumerate(arrays):
            made = f'emulated::{way}<{C_TYPES[dtype]}>({i}, "{name}")'
            lines += [f"[[maybe_unused]] const auto {name} = {made};"]
    lines += ["RUNNING_THREAD", f'#line 1 "{kernel.name}.metal"', kernel.body, "}"]
    return "\n".join(lines)
