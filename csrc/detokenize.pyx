# cython: language_level=3, autotestdict=False, auto_pickle=False
"""Binding of csrc/detokenize; documented in pensieve/_native/detokenize.pyi."""

cimport cython

from cpython.unicode cimport PyUnicode_AsUTF8AndSize, PyUnicode_DecodeUTF8
from cython.operator cimport dereference
from libc.stdint cimport uint32_t
from libcpp cimport bool as cpp_bool
from libcpp.string cimport string
from libcpp.string_view cimport string_view
from libcpp.unordered_map cimport unordered_map


cdef extern from "detokenize/piece.hpp" namespace "pensieve::detokenize" nogil:
    enum class Scheme:
        kByteLevel
        kByteFallback

    cppclass Piece:
        cpp_bool is_silent

    Piece piece_of(Scheme scheme, string_view token) except +

cdef extern from "detokenize/text_stream.hpp" namespace "pensieve::detokenize" nogil:
    cppclass CppTextStream "pensieve::detokenize::TextStream":
        CppTextStream()
        CppTextStream(Scheme scheme, size_t num_stripped)
        void feed(const Piece& piece, string& out) except +
        void finish(string& out) except +


cdef tuple _SCHEMES = ("byte_level", "byte_fallback")


@cython.final
cdef class TokenTexts:
    cdef Scheme _scheme
    cdef size_t _num_stripped
    cdef object _token_of
    cdef frozenset _silent_ids
    cdef unordered_map[uint32_t, Piece] _pieces

    def __cinit__(
        self, str scheme not None, token_of, *, silent_ids=(), num_stripped=0
    ):
        if scheme not in _SCHEMES:
            raise ValueError(
                f"[detokenize] scheme: expected one of {', '.join(_SCHEMES)},"
                f" got {scheme}"
            )
        if num_stripped < 0:
            raise ValueError(
                f"[detokenize] num_stripped: expected 0 or more, got {num_stripped}"
            )
        is_byte_level = scheme == "byte_level"
        self._scheme = Scheme.kByteLevel if is_byte_level else Scheme.kByteFallback
        self._num_stripped = num_stripped
        self._token_of = token_of
        self._silent_ids = frozenset(silent_ids)

    cdef const Piece* piece(self, uint32_t token_id) except NULL:
        """Return what a token adds, from memory but for the first time."""
        # PERF: no table is built at the start; of 262,144 tokens few are ever met
        known = self._pieces.find(token_id)
        if known == self._pieces.end():
            self._learn(token_id)
            known = self._pieces.find(token_id)
        return &dereference(known).second

    cdef int _learn(self, uint32_t token_id) except -1:
        cdef Piece piece
        cdef Py_ssize_t size
        cdef const char* start
        token = None if token_id in self._silent_ids else self._token_of(token_id)
        if token is None:
            piece.is_silent = True
        else:
            start = PyUnicode_AsUTF8AndSize(token, &size)
            piece = piece_of(self._scheme, string_view(start, <size_t>size))
        self._pieces[token_id] = piece
        return 0


@cython.final
cdef class TextStream:
    cdef TokenTexts _texts
    cdef CppTextStream _stream

    def __cinit__(self, TokenTexts texts not None, bint is_continuation=False):
        self._texts = texts
        self._stream = CppTextStream(
            texts._scheme, 0 if is_continuation else texts._num_stripped
        )

    def feed(self, token_ids):
        cdef string out
        for token_id in token_ids:
            self._stream.feed(dereference(self._texts.piece(token_id)), out)
        return PyUnicode_DecodeUTF8(out.data(), <Py_ssize_t>out.size(), NULL)

    def finish(self):
        cdef string out
        self._stream.finish(out)
        return PyUnicode_DecodeUTF8(out.data(), <Py_ssize_t>out.size(), NULL)
