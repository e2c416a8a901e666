# cython: language_level=3, autotestdict=False, auto_pickle=False
"""Binding of csrc/gguf; documented in pensieve/_native/gguf.pyi."""

cimport cython

import mmap
import os
import struct

from cpython.memoryview cimport PyMemoryView_GET_BUFFER
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport uint32_t, uint64_t
from libcpp cimport bool as cpp_bool
from libcpp.string_view cimport string_view
from libcpp.vector cimport vector


cdef extern from "gguf/header.hpp" namespace "pensieve::gguf" nogil:
    enum class ValueType(uint32_t):
        kString

    cppclass TensorType:
        string_view name

    cppclass Metadata:
        string_view key
        ValueType type
        cpp_bool is_array
        uint64_t count
        size_t offset

    cppclass Tensor:
        string_view name
        const TensorType* type
        vector[uint64_t] shape
        uint64_t offset
        uint64_t num_bytes

    cppclass Header:
        uint32_t version
        uint32_t alignment
        vector[Metadata] metadata
        vector[Tensor] tensors

    Header parse_header(Bytes file) except +
    vector[string_view] strings(Bytes file, const Metadata& metadata) except +

cdef extern from * nogil:
    """
    using Bytes = std::span<const std::byte>;

    static Bytes buffer_bytes(const Py_buffer* buffer) {
      return {static_cast<const std::byte*>(buffer->buf),
              static_cast<std::size_t>(buffer->len)};
    }
    """
    cppclass Bytes:
        pass

    Bytes buffer_bytes(const Py_buffer* buffer)


# At its number in ValueType, each number's format in the struct module.
cdef tuple FORMATS = tuple("BbHhIif?") + (None, None) + tuple("Qqd")


cdef str decode(string_view text):
    return PyUnicode_DecodeUTF8(text.data(), <Py_ssize_t>text.size(), NULL)


@cython.final
cdef class TensorInfo:
    cdef readonly str name
    cdef readonly tuple shape
    cdef readonly str type
    cdef readonly object offset
    cdef readonly object num_bytes

    def __repr__(self):
        return f"<TensorInfo {self.name} {self.type} {self.shape}>"


cdef TensorInfo tensor_info(const Tensor& tensor):
    cdef TensorInfo made = TensorInfo.__new__(TensorInfo)
    made.name = decode(tensor.name)
    made.shape = tuple(reversed(<list>tensor.shape))
    made.type = decode(tensor.type.name)
    made.offset = tensor.offset
    made.num_bytes = tensor.num_bytes
    return made


@cython.final
cdef class GgufFile:
    cdef object _view  # memoryview of the whole file
    cdef Header _header  # its views point into _view
    cdef dict _places  # key -> index in _header.metadata
    cdef dict _tensors  # name -> TensorInfo

    def __cinit__(self, path):
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size == 0:
                self._view = memoryview(b"")  # which mmap refuses in words of its own
            else:
                mapping = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
                self._view = memoryview(mapping)

        cdef Bytes content = self._bytes()
        with nogil:
            self._header = parse_header(content)

        cdef size_t index
        self._places = {}
        for index in range(self._header.metadata.size()):
            self._places[decode(self._header.metadata[index].key)] = index
        self._tensors = {}
        for index in range(self._header.tensors.size()):
            tensor = tensor_info(self._header.tensors[index])
            self._tensors[tensor.name] = tensor

    @property
    def version(self):
        return self._header.version

    @property
    def alignment(self):
        return self._header.alignment

    @property
    def num_bytes(self):
        return self._view.nbytes

    def keys(self):
        return list(self._places)

    def __contains__(self, key):
        return key in self._places

    def __getitem__(self, key):
        cdef size_t index = self._places[key]
        cdef const Metadata* metadata = &self._header.metadata[index]
        if metadata.type == ValueType.kString:
            values = self._strings(key, metadata)
        else:
            values = self._numbers(metadata)
        return values if metadata.is_array else values[0]

    def get(self, key, default=None):
        return self[key] if key in self._places else default

    def __len__(self):
        return len(self._places)

    def __iter__(self):
        return iter(self._places)

    @property
    def tensors(self):
        return list(self._tensors.values())

    def tensor_bytes(self, name):
        cdef TensorInfo tensor = self._tensors[name]
        return self._view[tensor.offset : tensor.offset + tensor.num_bytes]

    cdef Bytes _bytes(self):
        return buffer_bytes(PyMemoryView_GET_BUFFER(self._view))

    cdef list _numbers(self, const Metadata* metadata):
        number = FORMATS[<uint32_t>metadata.type]
        end = metadata.offset + metadata.count * struct.calcsize(number)
        return self._view[metadata.offset : end].cast(number).tolist()

    cdef list _strings(self, str key, const Metadata* metadata):
        cdef list values = []
        cdef string_view text
        for text in strings(self._bytes(), metadata[0]):
            try:
                values.append(decode(text))
            except UnicodeDecodeError as error:
                raise ValueError(
                    f"[gguf] {key}: expected UTF-8, got {error.reason} at byte "
                    f"{error.start} of string {len(values)}"
                ) from None
        return values
