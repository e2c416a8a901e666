"""OpenBLAS for MLX's CPU backend on Linux.

MLX's Linux wheel is linked to the reference BLAS: one thread, some 60 times slower in a
matrix product than OpenBLAS. Its calls are bound by name, so a library that defines
those names and is in the process's global scope first takes them over:
libpensieve_blas.so (csrc/blas/shim.c), which sends them to scipy-openblas32.

Done on every Linux, whatever the backend: a CUDA build of MLX falls back to the CPU
where it finds no GPU, and cannot be asked before it is imported.
"""

import ctypes
import functools
import os
import sys
from importlib import resources
from pathlib import Path

import psutil

SHIM = "libpensieve_blas.so"
THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS")
"""What OpenBLAS itself takes its number of threads from."""


@functools.cache
def preload() -> str:
    """Put OpenBLAS in front of MLX's BLAS, and say so in a sentence.

    Call it before the first import of mlx.core; a second call changes nothing.

    Raises:
        RuntimeError: mlx.core is already there, bound to its own BLAS.
        ImportError: scipy-openblas32 is not installed.
        OSError: a library cannot be loaded: the installation is broken.
    """
    if sys.platform != "linux":
        return "MLX multiplies with its own BLAS"
    if "mlx.core" in sys.modules:
        raise RuntimeError(
            "[blas] preload: expected to come before mlx.core, which is already here"
        )
    import scipy_openblas32

    library = Path(scipy_openblas32.get_lib_dir(), scipy_openblas32.get_library(True))
    openblas = ctypes.CDLL(str(library), ctypes.RTLD_GLOBAL)
    with resources.as_file(resources.files("pensieve._native") / SHIM) as shim:
        ctypes.CDLL(str(shim), ctypes.RTLD_GLOBAL)

    if not any(os.environ.get(name) for name in THREAD_VARIABLES):
        openblas.scipy_openblas_set_num_threads(sensible_threads())
    openblas.scipy_openblas_get_config.restype = ctypes.c_char_p
    name, version = openblas.scipy_openblas_get_config().decode().split()[:2]
    threads = openblas.scipy_openblas_get_num_threads()
    return f"{name} {version} multiplies matrices on the CPU, threads: {threads}"


def sensible_threads() -> int:
    """Return the physical cores that this process may use, but one.

    Two threads of one core share the arithmetic that a matrix product is made of. And
    OpenBLAS's threads wait for each other by turning: where the HTTP process or the
    client needs a core that one of them has, all of them stand still. Measured on two
    busy cores, two threads decoded up to ten times slower than one; on two idle cores
    a tenth faster, and read prompts half as fast again.
    """
    usable = len(os.sched_getaffinity(0))
    cores = min(usable, psutil.cpu_count(logical=False) or usable)
    return max(1, cores - 1)
