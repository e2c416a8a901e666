"""Philox and Gumbel of the kernels, compiled as C++."""

import ctypes
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from reference import philox as reference

from pensieve.engine.sampling.kernel_texts import text

SEED, POSITION, NUM_BLOCKS = 0xFEDCBA9876543210, 4321, 256
SHIM = Path(__file__).parent / "shim.hpp"

HARNESS = """
#include "{shim}"
{headers}
extern "C" void philox(const uint* counter, const uint* key, uint* out) {{
  const PhiloxWords words =
      philox_4x32_10(counter[0], counter[1], counter[2], counter[3], key[0], key[1]);
  for (int i = 0; i < 4; ++i) out[i] = words.word[i];
}}
extern "C" float noise(uint word) {{ return gumbel(word); }}
"""


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    folder = tmp_path_factory.mktemp("noise")
    headers = text("philox.h") + text("gumbel_noise.h")
    (folder / "noise.cpp").write_text(HARNESS.format(shim=SHIM, headers=headers))
    compiler = os.environ.get("CXX") or shutil.which("c++") or "g++"
    flags = "-std=c++20 -O1 -Wall -Wextra -Werror -shared -fPIC -o noise.so noise.cpp"
    subprocess.run([compiler, *flags.split()], cwd=folder, check=True)
    library = ctypes.CDLL(str(folder / "noise.so"))
    library.noise.restype = ctypes.c_float
    return library


def words(compiled, counter, key) -> tuple[int, ...]:
    out = (ctypes.c_uint32 * 4)()
    compiled.philox((ctypes.c_uint32 * 4)(*counter), (ctypes.c_uint32 * 2)(*key), out)
    return tuple(out)


@pytest.mark.parametrize(
    ("counter", "key"),
    [
        ((0, 0, 0, 0), (0, 0)),
        ((2**32 - 1,) * 4, (2**32 - 1,) * 2),
        ((0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344), (0xA4093822, 0x299F31D0)),
    ],
)
def test_philox_gives_the_reference_words(compiled, counter, key):
    assert words(compiled, counter, key) == reference.philox_4x32_10(counter, key)


def test_the_noise_of_a_token_is_the_references(compiled):
    key = (SEED & 0xFFFFFFFF, SEED >> 32)
    noise = [
        compiled.noise(ctypes.c_uint32(word))
        for block in range(NUM_BLOCKS)
        for word in words(compiled, (block, POSITION, 0, 0), key)
    ]

    expected = [
        reference.gumbel_noise(SEED, POSITION, token) for token in range(4 * NUM_BLOCKS)
    ]
    np.testing.assert_allclose(noise, expected, rtol=0, atol=2e-6)


@pytest.mark.parametrize("word", [0, 1, 2**31, 2**32 - 1])
def test_the_noise_of_extreme_words_is_bounded(compiled, word):
    assert -2.83 < compiled.noise(ctypes.c_uint32(word)) < 22.89
