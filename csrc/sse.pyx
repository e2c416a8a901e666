# cython: language_level=3, autotestdict=False, auto_pickle=False
"""Binding of csrc/sse; documented in pensieve/_native/sse.pyi."""

cimport cython

import re

from cpython.bytes cimport (
    PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
)
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libcpp.string_view cimport npos, string_view


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


@cython.final
cdef class DeltaFramer:
    cdef DeltaTemplate _template

    def __cinit__(self, index, str delta_type not None, str field not None):
        if index < 0:
            raise ValueError(f"[sse] index: expected 0 or more, got {index}")
        self._template = DeltaTemplate(index, utf8_view(delta_type), utf8_view(field))

    def frame(self, str text not None):
        cdef string_view view
        try:
            view = utf8_view(text)
        except UnicodeEncodeError:
            text = _SURROGATE.sub("\ufffd", text)
            view = utf8_view(text)
        # PERF: one exact allocation, no joins
        cdef size_t size = self._template.size(view)
        cdef bytes framed = PyBytes_FromStringAndSize(NULL, <Py_ssize_t>size)
        self._template.write(view, PyBytes_AS_STRING(framed))
        return framed
