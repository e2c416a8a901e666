# cython: language_level=3, autotestdict=False, auto_pickle=False
"""Binding of csrc/sse; documented in pensieve/_native/sse.pyi."""

cimport cython

import re

from cpython.bytes cimport (
    PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
)
from cpython.exc cimport PyErr_Clear
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.string cimport memcpy
from libcpp.string_view cimport npos, string_view


cdef extern from "Python.h":
    # PERF: leaves the error to its caller, who needs no `try` then.
    const char* utf8_or_null "PyUnicode_AsUTF8AndSize" (object text, Py_ssize_t* size)

cdef extern from "sse/frame.hpp" namespace "pensieve::sse" nogil:
    size_t find_line_end(string_view text)
    size_t frame_size(string_view event, string_view data)
    char* write_frame(string_view event, string_view data, char* out)

    cppclass DeltaTemplate:
        DeltaTemplate()
        DeltaTemplate(
            long long index, string_view delta_type, string_view field
        ) except +
        size_t size(string_view text)
        char* write(string_view text, char* out)
        size_t size_around(size_t escaped_bytes)
        char* write_around(string_view escaped, char* out)
        string_view frame_short(string_view text)

cdef extern from "sse/json_escape.hpp" namespace "pensieve::sse" nogil:
    bint is_plain(string_view text)
    size_t kShortBytes


_SURROGATE = re.compile("[\ud800-\udfff]")


cdef string_view bytes_view(bytes content):
    return string_view(PyBytes_AS_STRING(content), <size_t>PyBytes_GET_SIZE(content))


cdef string_view utf8_view(str text) except *:
    """View the UTF-8 form that `text` keeps; UnicodeEncodeError at a surrogate."""
    cdef Py_ssize_t size
    cdef const char* start = PyUnicode_AsUTF8AndSize(text, &size)
    return string_view(start, <size_t>size)


cdef string_view line_view(bytes content, str name) except *:
    """View `content`, which must not end a line."""
    cdef string_view view = bytes_view(content)
    cdef size_t place = find_line_end(view)
    if place != npos:
        raise ValueError(
            f"[sse] {name}: expected one line, got a newline at byte {place}"
        )
    return view


def frame(bytes event not None, bytes data not None):
    cdef string_view event_view = line_view(event, "event")
    cdef string_view data_view = line_view(data, "data")
    cdef size_t size = frame_size(event_view, data_view)
    cdef bytes framed = PyBytes_FromStringAndSize(NULL, <Py_ssize_t>size)
    write_frame(event_view, data_view, PyBytes_AS_STRING(framed))
    return framed


def joined(bytes before not None, str text not None, bytes after not None):
    cdef string_view view = utf8_view(text)
    cdef Py_ssize_t before_size = PyBytes_GET_SIZE(before)
    cdef Py_ssize_t after_size = PyBytes_GET_SIZE(after)
    cdef Py_ssize_t text_size = <Py_ssize_t>view.size()
    cdef bytes whole = PyBytes_FromStringAndSize(
        NULL, before_size + text_size + after_size
    )
    cdef char* out = PyBytes_AS_STRING(whole)
    memcpy(out, PyBytes_AS_STRING(before), before_size)
    memcpy(out + before_size, view.data(), text_size)
    memcpy(out + before_size + text_size, PyBytes_AS_STRING(after), after_size)
    return whole


@cython.final
cdef class DeltaFramer:
    cdef DeltaTemplate _template

    def __cinit__(self, index, str delta_type not None, str field not None):
        if index < 0:
            raise ValueError(f"[sse] index: expected 0 or more, got {index}")
        self._template = DeltaTemplate(index, utf8_view(delta_type), utf8_view(field))

    def frame(self, str text not None):
        cdef Py_ssize_t num_bytes
        cdef const char* start = utf8_or_null(text, &num_bytes)
        if start == NULL:
            PyErr_Clear()
            text = _SURROGATE.sub("\ufffd", text)
            start = PyUnicode_AsUTF8AndSize(text, &num_bytes)
        cdef string_view view = string_view(start, <size_t>num_bytes)
        # PERF: one exact allocation, no joins; bench/native/bench_sse.py
        cdef bytes framed
        cdef size_t size
        if view.size() > kShortBytes:
            size = self._template.size(view)
            framed = PyBytes_FromStringAndSize(NULL, <Py_ssize_t>size)
            self._template.write(view, PyBytes_AS_STRING(framed))
            return framed
        if not is_plain(view):
            # Sized by escaping it: to copy it takes less than to measure it.
            view = self._template.frame_short(view)
            return PyBytes_FromStringAndSize(view.data(), <Py_ssize_t>view.size())
        size = self._template.size_around(view.size())
        framed = PyBytes_FromStringAndSize(NULL, <Py_ssize_t>size)
        self._template.write_around(view, PyBytes_AS_STRING(framed))
        return framed
