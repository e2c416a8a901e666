"""Small kernels with one fault each: the emulator says which."""

import numpy as np
import pytest
from metal.emulator import (
    SCHEDULES,
    Emulator,
    EmulatorError,
    Kernel,
    skip_where_it_cannot_run,
)

THREADS = 64
LOCAL = """
THREADGROUP_ARRAY(float, cells, 64)
const uint me = thread_position_in_threadgroup.x;
[[maybe_unused]] const uint group = threadgroup_position_in_grid.x;
"""
BARRIER = "metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);"
REVERSED = f"""
cells[me] = values[group * 64 + me];
{BARRIER}
result[group * 64 + me] = float(cells[63 - me]);
"""
FAULTS = {
    "no barrier": (
        REVERSED.replace(BARRIER, ""),
        r"cells\[\d+\]: (read before it is written|read with no barrier)",
    ),
    "written again too early": (
        REVERSED + "cells[me] = 0.0f;",
        r"cells\[\d+\]: (written|read) with no barrier since another thread",
    ),
    "two writers": (
        f"cells[me / 2] = 1.0f; {BARRIER} result[me] = 0.0f;",
        r"cells\[\d+\]: written by two threads",
    ),
    "never written": (
        "result[me] = float(cells[me]);",
        r"cells\[\d+\]: read before it is written",
    ),
    "past the cells": ("cells[me + 1] = 1.0f;", r"cells\[64\]: written outside"),
    "past the input": (
        "result[me] = values[128 + me];",
        r"values\[\d+\]: read outside of 128",
    ),
    "past the output": ("result[128 + me] = 1.0f;", r"result\[\d+\]: written outside"),
    "the same output": ("result[me] = 1.0f;", r"result\[\d+\]: written twice"),
    "half a simdgroup": (
        "if (me % 32 < 16) result[group * 64 + me] = metal::simd_sum(1.0f);",
        "a simdgroup operation that not all lanes come to",
    ),
    "two operations": (
        "float v = 0.0f;\nif (me % 2 == 0)\nv = metal::simd_sum(1.0f);\n"
        "else\nv = metal::simd_max(1.0f);\nresult[group * 64 + me] = v;",
        "a simdgroup operation that not all lanes come to",
    ),
    "a barrier for some": (
        f"if (me < 32) {{ {BARRIER} }}",
        "a barrier that not all threads come to",
    ),
    "two barriers": (
        f"if (me < 32) {{\n{BARRIER}\n}} else {{\n{BARRIER}\n}}",
        "threads wait at different barriers, lines 6 and 8",
    ),
    "a wild pointer": (
        "*(volatile int*)uintptr_t(me) = 0;",
        "the process ended with -11",
    ),
}
RIGHT = {
    "reversed": REVERSED,
    "sum": "result[group * 64 + me] = metal::simd_sum(values[group * 64 + me]);",
    "largest": "result[group * 64 + me] = metal::simd_max(values[group * 64 + me]);",
    "before": "result[group * 64 + me] = float(metal::simd_prefix_exclusive_sum("
    "uint(values[group * 64 + me])));",
}
VALUES = np.random.default_rng(0).permutation(128).astype(np.float32)


@pytest.fixture(scope="module")
def emulator(tmp_path_factory):
    skip_where_it_cannot_run()
    bodies = {name: body for name, (body, _) in FAULTS.items()} | RIGHT
    kernels = [
        Kernel(
            name.replace(" ", "_"),
            LOCAL + body,
            [("values", "float32")],
            [("result", "float32")],
        )
        for name, body in bodies.items()
    ]
    made = Emulator(tmp_path_factory.mktemp("e"), "", kernels, {"THREADS": THREADS})
    yield made
    made.close()


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_named(emulator, name, schedule):
    with pytest.raises(EmulatorError, match=FAULTS[name][1]):
        emulator.run(name.replace(" ", "_"), [VALUES], [128], (2, 1), schedule)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_kernel_without_faults_runs(emulator, schedule):
    def run(name):
        return emulator.run(name, [VALUES], [128], (2, 1), schedule)[0]

    simdgroups = VALUES.reshape(4, 32)
    before = np.cumsum(simdgroups, axis=1) - simdgroups
    assert np.array_equal(run("reversed"), VALUES.reshape(2, 64)[:, ::-1].ravel())
    assert np.array_equal(run("sum"), simdgroups.sum(axis=1).repeat(32))
    assert np.array_equal(run("largest"), simdgroups.max(axis=1).repeat(32))
    assert np.array_equal(run("before"), before.ravel())
