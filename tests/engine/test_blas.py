"""OpenBLAS in front of MLX's own BLAS. Each test has a process of its own: the choice
is made once, when MLX is loaded."""

import os
import re
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="MLX has Accelerate elsewhere"
)

MULTIPLY = """
import numpy as np
from pensieve.engine import blas
print(blas.preload())
assert blas.preload() == blas.preload()
import mlx.core as mx
with mx.stream(mx.cpu):
    for rows in (1, 3):
        a = np.random.default_rng(0).standard_normal((rows, 70)).astype(np.float32)
        b = np.random.default_rng(1).standard_normal((50, 70)).astype(np.float32)
        product = np.array(mx.array(a) @ mx.array(b).T)
        np.testing.assert_allclose(product, a.astype(np.float64) @ b.T, atol=1e-4)
"""


def run(script: str, **variables: str) -> subprocess.CompletedProcess:
    environment = {
        k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")
    }
    return subprocess.run(
        [sys.executable, "-c", script],
        env=environment | variables,
        capture_output=True,
        text=True,
    )


def test_mlx_calls_the_shim_and_the_shim_calls_openblas(tmp_path):
    log = tmp_path / "bindings"

    result = run(MULTIPLY, LD_DEBUG="bindings", LD_DEBUG_OUTPUT=str(log))

    assert result.returncode == 0, result.stderr
    # The dynamic linker's own word.
    bindings = "".join(path.read_text() for path in tmp_path.glob("bindings.*"))
    pattern = r"binding file (\S+) \[0\] to (\S+) \[0\]: normal symbol `(\w+)'"
    bound = {
        (os.path.basename(caller), symbol): os.path.basename(callee)
        for caller, callee, symbol in re.findall(pattern, bindings)
    }
    assert bound["libmlx.so", "cblas_sgemm"] == "libpensieve_blas.so"
    for symbol in ("scipy_cblas_sgemm", "scipy_cblas_sgemv"):
        assert bound["libpensieve_blas.so", symbol] == "libscipy_openblas.so"


def test_the_sentence_names_the_library_and_the_threads_that_the_user_asked_for():
    result = run(MULTIPLY, OPENBLAS_NUM_THREADS="1")

    assert result.returncode == 0, result.stderr
    assert re.fullmatch(
        r"OpenBLAS \d+\.\d+\.\d+\S* multiplies matrices on the CPU, threads: 1\n",
        result.stdout,
    )


def test_threads_are_the_cores_that_the_process_may_use():
    one_core = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"

    result = run(one_core + MULTIPLY)

    assert result.returncode == 0, result.stderr
    assert result.stdout.endswith("threads: 1\n")


def test_coming_after_mlx_is_refused():
    result = run("import mlx.core\nfrom pensieve.engine import blas\nblas.preload()")

    assert result.returncode == 1
    assert "expected to come before mlx.core" in result.stderr
