# cython: language_level=3, autotestdict=False, auto_pickle=False
"""Binding of csrc/sampling; documented in pensieve/_native/sampling.pyi."""

cimport cython

from cpython.buffer cimport (
    PyBUF_ANY_CONTIGUOUS, PyBUF_FORMAT, PyBUF_WRITABLE, PyBuffer_IsContiguous,
    PyBuffer_Release, PyObject_GetBuffer
)
from libc.stdint cimport uint8_t, uint32_t
from libcpp.memory cimport make_unique, unique_ptr
from libcpp.optional cimport optional
from libcpp.string_view cimport string_view


cdef extern from "sampling/kernels.hpp" namespace "pensieve::sampling" nogil:
    enum class Instructions(uint8_t):
        kScalar

    optional[Instructions] instructions_named(string_view name)
    Instructions best_instructions()
    const void* kernels_of(Instructions instructions)

cdef extern from "sampling/row.hpp" namespace "pensieve::sampling" nogil:
    enum class Dtype(uint8_t):
        kFloat32
        kFloat16
        kBfloat16

cdef extern from "sampling/sampler.hpp" namespace "pensieve::sampling" nogil:
    const size_t kParameters

    cppclass Stack[Item]:
        const Item* items
        size_t num_rows

    cppclass Batch:
        const void* logits
        Dtype dtype
        size_t batch_size
        size_t vocab_size
        const float* reals
        const uint32_t* words
        Stack[uint32_t] histories
        Stack[float] biases
        Stack[uint32_t] masks
        uint32_t* tokens
        uint32_t* errors
        float* log_probs

    cppclass CppSampler "pensieve::sampling::Sampler":
        CppSampler(Instructions instructions) except +
        void sample(const Batch& batch) except +


cdef dict _DTYPES = {"f": "float32", "e": "float16", "H": "uint16", "I": "uint32"}
_NAMES = ("scalar", "baseline", "avx2")

cdef object _ANY = None  # a dimension of any size


@cython.final
cdef class _Array:
    """What an array holds, borrowed until this is gone."""

    cdef Py_buffer _buffer
    cdef bint _is_held
    cdef readonly str dtype
    cdef readonly tuple shape

    def __cinit__(self, str name, array, tuple dtypes, tuple shape, bint written=False):
        cdef int flags = PyBUF_ANY_CONTIGUOUS | PyBUF_FORMAT
        try:
            PyObject_GetBuffer(
                array, &self._buffer, flags | (PyBUF_WRITABLE if written else 0)
            )
        except (BufferError, TypeError, ValueError) as error:
            # NumPy says ValueError of what is read-only.
            raise TypeError(
                f"[sampling] {name}: expected a {'writable ' if written else ''}"
                f"contiguous array, got {type(array).__name__}: {error}"
            ) from None
        self._is_held = True
        view = self._buffer
        letter = view.format.decode().lstrip("@=<") if view.format else "B"
        self.dtype = _DTYPES.get(letter, letter)
        self.shape = tuple(view.shape[i] for i in range(view.ndim))
        if self.dtype not in dtypes or view.itemsize != (2 if letter in "eH" else 4):
            raise TypeError(
                f"[sampling] {name}: expected {' or '.join(dtypes)}, got {self.dtype}"
            )
        fits = len(shape) == len(self.shape) and all(
            wanted is _ANY or wanted == size
            for wanted, size in zip(shape, self.shape, strict=True)
        )
        if not fits:
            wanted = ", ".join("any" if size is _ANY else str(size) for size in shape)
            raise ValueError(
                f"[sampling] {name}: expected the shape [{wanted}],"
                f" got {list(self.shape)}"
            )
        if not PyBuffer_IsContiguous(&self._buffer, b"C"):
            raise ValueError(f"[sampling] {name}: expected rows one after another")
        if <size_t>self._buffer.buf % <size_t>view.itemsize:
            raise ValueError(f"[sampling] {name}: expected aligned items")

    def __dealloc__(self):
        if self._is_held:
            PyBuffer_Release(&self._buffer)

    cdef void* start(self):
        return self._buffer.buf


cdef _Array _stack(str name, array, str dtype, size_t width):
    return None if array is None else _Array(name, array, (dtype,), (_ANY, width))


def available_instructions():
    cdef optional[Instructions] instructions
    available = []
    for name in _NAMES:
        instructions = _instructions(name)
        if kernels_of(instructions.value()) != NULL:
            available.append(name)
    return tuple(available)


cdef optional[Instructions] _instructions(str name):
    encoded = name.encode()
    cdef const char* start = encoded
    return instructions_named(string_view(start, <size_t>len(encoded)))


@cython.final
cdef class Sampler:
    cdef unique_ptr[CppSampler] _sampler
    cdef bint _is_busy

    def __cinit__(self, str instructions=None):
        cdef optional[Instructions] chosen
        if instructions is None:
            chosen = best_instructions()
        elif instructions in available_instructions():
            chosen = _instructions(instructions)
        else:
            raise ValueError(
                "[sampling] instructions: expected one of"
                f" {', '.join(available_instructions())}, got {instructions}"
            )
        self._sampler = make_unique[CppSampler](chosen.value())

    def sample(
        self, logits, reals, words, tokens, errors, log_probs, *,
        histories=None, biases=None, masks=None, bint is_bfloat16=False
    ):
        cdef tuple dtypes = ("uint16",) if is_bfloat16 else ("float32", "float16")
        cdef _Array read = _Array("logits", logits, dtypes, (_ANY, _ANY))
        cdef size_t batch_size = read.shape[0], vocab_size = read.shape[1]
        if not 0 < vocab_size <= 1 << 31:
            raise ValueError(
                "[sampling] logits: expected 1 to 2147483648 tokens in a row,"
                f" got {vocab_size}"
            )
        cdef tuple parameters = (batch_size, kParameters)
        cdef _Array real = _Array("reals", reals, ("float32",), parameters)
        cdef _Array word = _Array("words", words, ("uint32",), parameters)
        cdef _Array history = _stack("histories", histories, "uint32", vocab_size)
        cdef _Array bias = _stack("biases", biases, "float32", vocab_size)
        cdef _Array mask = _stack("masks", masks, "uint32", (vocab_size + 31) // 32)
        cdef tuple answers = (batch_size,)
        cdef _Array token = _Array("tokens", tokens, ("uint32",), answers, True)
        cdef _Array error = _Array("errors", errors, ("uint32",), answers, True)
        cdef _Array log_prob = _Array(
            "log_probs", log_probs, ("float32",), answers, True
        )
        cdef Batch batch
        batch.logits = read.start()
        batch.dtype = Dtype.kBfloat16 if is_bfloat16 else (
            Dtype.kFloat16 if read.dtype == "float16" else Dtype.kFloat32
        )
        batch.batch_size, batch.vocab_size = batch_size, vocab_size
        batch.reals = <const float*>real.start()
        batch.words = <const uint32_t*>word.start()
        if history is not None:
            batch.histories.items = <const uint32_t*>history.start()
            batch.histories.num_rows = history.shape[0]
        if bias is not None:
            batch.biases.items = <const float*>bias.start()
            batch.biases.num_rows = bias.shape[0]
        if mask is not None:
            batch.masks.items = <const uint32_t*>mask.start()
            batch.masks.num_rows = mask.shape[0]
        batch.tokens = <uint32_t*>token.start()
        batch.errors = <uint32_t*>error.start()
        batch.log_probs = <float*>log_prob.start()
        if self._is_busy:
            raise RuntimeError("[sampling] a Sampler is for one thread at a time")
        self._is_busy = True
        try:
            with nogil:
                self._sampler.get().sample(batch)
        finally:
            self._is_busy = False
