"""The kernel's text, compiled as C++ and run one thread after the other."""

import ctypes
import os
import shutil
import subprocess
from pathlib import Path

import mlx.core as mx
import numpy as np
import pytest
from pensieve.engine.sampling.kernels import metal_noise, source
from reference import philox as reference

from pensieve.engine.sampling.gumbel import vocabulary_noise

VOCAB_SIZE = 1003
SEED = 0xFEDCBA9876543210
SHIM = Path(__file__).parent / "shim.hpp"

HARNESS = """
#include "{shim}"
{headers}
extern "C" void run(uint threads, const uint* seed, const uint* position,
                    float* noise) {{
  constexpr int VOCAB_SIZE = {vocab_size};
  for (uint thread = 0; thread < threads; ++thread) {{
    const struct {{ uint x; }} thread_position_in_grid = {{thread}};
    {body}
  }}
}}
extern "C" void philox(const uint* counter, const uint* key, uint* out) {{
  const PhiloxWords words =
      philox_4x32_10(counter[0], counter[1], counter[2], counter[3], key[0], key[1]);
  for (int i = 0; i < 4; ++i) out[i] = words.word[i];
}}
"""


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kernel")
    text = HARNESS.format(
        shim=SHIM,
        headers=source("philox.h") + source("gumbel_noise.h"),
        vocab_size=VOCAB_SIZE,
        body=source("gumbel_noise.metal"),
    )
    (folder / "kernel.cpp").write_text(text)
    compiler = os.environ.get("CXX") or shutil.which("c++") or "g++"
    flags = "-std=c++20 -O1 -Wall -Wextra -Werror -shared -fPIC -o kernel.so kernel.cpp"
    subprocess.run([compiler, *flags.split()], cwd=folder, check=True)
    return ctypes.CDLL(str(folder / "kernel.so"))


def run(kernel, threads: int, seed: int, position: int) -> np.ndarray:
    noise = np.full(VOCAB_SIZE + 64, np.nan, np.float32)
    kernel.run(
        ctypes.c_uint32(threads),
        (ctypes.c_uint32 * 2)(seed & 0xFFFFFFFF, seed >> 32),
        (ctypes.c_uint32 * 1)(position),
        noise.ctypes.data_as(ctypes.POINTER(ctypes.c_float)),
    )
    assert np.isnan(noise[VOCAB_SIZE:]).all(), "the kernel wrote past its output"
    return noise[:VOCAB_SIZE]


@pytest.mark.parametrize(
    ("counter", "key"),
    [
        ((0, 0, 0, 0), (0, 0)),
        ((2**32 - 1,) * 4, (2**32 - 1,) * 2),
        ((0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344), (0xA4093822, 0x299F31D0)),
    ],
)
def test_its_philox_gives_the_reference_words(kernel, counter, key):
    out = (ctypes.c_uint32 * 4)()

    kernel.philox((ctypes.c_uint32 * 4)(*counter), (ctypes.c_uint32 * 2)(*key), out)

    assert tuple(out) == reference.philox_4x32_10(counter, key)


def test_its_noise_is_that_of_the_mlx_operations_and_of_the_reference(kernel):
    noise = run(kernel, 256, SEED, 4321)

    expected = [
        reference.gumbel_noise(SEED, 4321, token) for token in range(VOCAB_SIZE)
    ]
    specified = np.array(vocabulary_noise(VOCAB_SIZE)(SEED, 4321))
    np.testing.assert_allclose(noise, expected, rtol=0, atol=2e-6)
    np.testing.assert_allclose(noise, specified, rtol=0, atol=2e-6)


def test_threads_past_the_vocabulary_write_nothing(kernel):
    assert np.isfinite(run(kernel, 512, 1, 1)).all()


def test_mlx_writes_a_metal_function_around_the_body(tmp_path, capfd):
    """Tracing for export needs no Metal; `verbose` prints what Metal would compile."""
    noise = metal_noise(VOCAB_SIZE, verbose=True)

    mx.export_function(
        str(tmp_path / "noise.mlxfn"),
        lambda logits: logits + noise(SEED, 1),
        mx.zeros(VOCAB_SIZE),
    )

    text = capfd.readouterr().out
    assert "const constant uint32_t* seed [[buffer(0)]]" in text
    assert "device float* noise [[buffer(2)]]" in text
    assert source("gumbel_noise.metal") in text
