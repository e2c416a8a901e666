"""The shim's products against numpy's; tests/engine/test_blas.py has MLX call it."""

import ctypes
import sys
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="built on Linux only")

ROW_MAJOR, NO_TRANS, TRANS = 101, 111, 112


@pytest.fixture(scope="module")
def shim():
    import scipy_openblas32

    library = Path(scipy_openblas32.get_lib_dir(), scipy_openblas32.get_library(True))
    ctypes.CDLL(str(library), ctypes.RTLD_GLOBAL)  # its names are prefixed
    path = resources.files("pensieve._native") / "libpensieve_blas.so"
    with resources.as_file(path) as shim_path:
        return ctypes.CDLL(str(shim_path))


def stored(rng, rows, columns, dtype):
    """Return random numbers [rows, columns], with a gap after each row."""
    wide = rng.standard_normal((rows, columns + 3))
    if dtype is np.complex64:
        wide = wide + 1j * rng.standard_normal(wide.shape)
    return wide.astype(dtype)[:, :columns]


def multiply(function, alpha, a, trans_a, b, trans_b, beta, c):
    """Put alpha a' b' + beta c into c; a' is a or its transpose, as trans_a says."""
    (m, n), k = c.shape, a.shape[0 if trans_a == TRANS else 1]
    number = {"f": ctypes.c_float, "d": ctypes.c_double}.get(c.dtype.char)
    if number is None:  # complex numbers are passed by address
        factors = [np.array(factor, c.dtype) for factor in (alpha, beta)]
        alpha, beta = (ctypes.c_void_p(factor.ctypes.data) for factor in factors)
    else:
        alpha, beta = number(alpha), number(beta)

    def matrix(array):
        stride = array.strides[0] // array.itemsize
        return ctypes.c_void_p(array.ctypes.data), ctypes.c_int(stride)

    function(
        *map(ctypes.c_int, (ROW_MAJOR, trans_a, trans_b, m, n, k)),
        *(alpha, *matrix(a), *matrix(b), beta, *matrix(c)),
    )


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        ("cblas_sgemm", np.float32),
        ("cblas_dgemm", np.float64),
        ("cblas_cgemm", np.complex64),
    ],
)
@pytest.mark.parametrize("m", [1, 3])
@pytest.mark.parametrize("trans_a", [NO_TRANS, TRANS])
@pytest.mark.parametrize("trans_b", [NO_TRANS, TRANS])
@pytest.mark.parametrize(("alpha", "beta"), [(1, 0), (0.5, -2)])
def test_products_equal_numpys(shim, name, dtype, m, trans_a, trans_b, alpha, beta):
    rng = np.random.default_rng(7)
    n, k = 20, 30
    a = stored(rng, *((m, k) if trans_a == NO_TRANS else (k, m)), dtype)
    b = stored(rng, *((k, n) if trans_b == NO_TRANS else (n, k)), dtype)
    c = stored(rng, m, n, dtype)
    if beta == 0:
        c[:] = np.nan  # as memory fresh from the allocator may be
        expected = np.zeros_like(c)
    else:
        expected = beta * c
    a_used = a if trans_a == NO_TRANS else a.T
    expected = expected + alpha * (a_used @ (b if trans_b == NO_TRANS else b.T))

    multiply(getattr(shim, name), alpha, a, trans_a, b, trans_b, beta, c)

    np.testing.assert_allclose(c, expected, rtol=1e-4, atol=1e-4)


def test_an_empty_sum_still_scales_what_is_there(shim):
    a, b = np.zeros((1, 8), np.float32)[:, :0], np.zeros((4, 8), np.float32)[:, :0]
    c = np.ones((1, 4), np.float32)

    multiply(shim.cblas_sgemm, 1, a, NO_TRANS, b, TRANS, 3, c)

    np.testing.assert_array_equal(c, np.full((1, 4), 3, np.float32))
