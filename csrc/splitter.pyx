# cython: language_level=3, autotestdict=False, auto_pickle=False
"""Binding of csrc/bpe's splitter; documented in pensieve/_native/splitter.pyi."""

from cpython.unicode cimport PyUnicode_AsUTF8AndSize, PyUnicode_DecodeUTF8
from libcpp cimport bool as cpp_bool
from libcpp.optional cimport optional
from libcpp.string_view cimport string_view


cdef extern from "bpe/splitter.hpp" namespace "pensieve::bpe" nogil:
    enum class Splitter:
        kNone

    ctypedef size_t (*PieceEnd)(string_view text, size_t start) noexcept

    optional[Splitter] splitter_named(string_view name)
    PieceEnd piece_end(Splitter splitter)

cdef extern from "bpe/nfc.hpp" namespace "pensieve::bpe" nogil:
    cpp_bool c_is_surely_nfc "pensieve::bpe::is_surely_nfc"(string_view text)


cdef string_view utf8_view(str text) except *:
    """View the UTF-8 form that `text` keeps; UnicodeEncodeError at a surrogate."""
    cdef Py_ssize_t size
    cdef const char* start = PyUnicode_AsUTF8AndSize(text, &size)
    return string_view(start, <size_t>size)


cdef PieceEnd piece_end_named(str splitter) except *:
    cdef optional[Splitter] known = splitter_named(utf8_view(splitter))
    if not known.has_value():
        raise ValueError(f"[splitter] splitter: expected a known one, got {splitter!r}")
    return piece_end(known.value())


def pieces(str splitter not None, str text not None):
    cdef PieceEnd end_of = piece_end_named(splitter)
    cdef string_view view = utf8_view(text)
    cdef size_t start = 0
    cdef size_t end
    cdef list found = []
    while start < view.size():
        end = end_of(view, start)
        found.append(
            PyUnicode_DecodeUTF8(view.data() + start, <Py_ssize_t>(end - start), NULL)
        )
        start = end
    return found


def count_pieces(str splitter not None, str text not None):
    cdef PieceEnd end_of = piece_end_named(splitter)
    cdef string_view view = utf8_view(text)
    cdef size_t start = 0
    cdef size_t count = 0
    with nogil:
        while start < view.size():
            start = end_of(view, start)
            count += 1
    return count


def is_surely_nfc(str text not None):
    return c_is_surely_nfc(utf8_view(text))
