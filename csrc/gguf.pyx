# cython: language_level=3, autotestdict=False, auto_pickle=False
"""Binding of csrc/gguf; documented in pensieve/_native/gguf.pyi."""

cimport cython

import mmap
import os
import stat
import sys
from types import GenericAlias, MappingProxyType

from cpython.list cimport PyList_New, PyList_SET_ITEM
from cpython.memoryview cimport PyMemoryView_GET_BUFFER
from cpython.ref cimport Py_INCREF
from libc.stdint cimport uint32_t, uint64_t
from libcpp cimport bool as cpp_bool
from libcpp.optional cimport optional
from libcpp.string cimport string
from libcpp.string_view cimport string_view
from libcpp.vector cimport vector


cdef extern from "gguf/limits.hpp" namespace "pensieve::gguf" nogil:
    const uint64_t kMaxMetadata, kMaxTensors, kMaxKeyBytes, kMaxTensorNameBytes
    const uint64_t kMaxStringBytes, kMaxArrayItems, kMaxParts
    const uint32_t kMaxDimensions, kMaxAlignment

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
        size_t num_bytes

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

cdef extern from "gguf/split.hpp" namespace "pensieve::gguf" nogil:
    cppclass Part:
        string name
        Bytes file
        Header header

    Part parse_part(string name, Bytes file) except +
    vector[string] model_files(const Part& first) except +
    void require_one_model(const vector[Part]& parts) except +
    vector[string] c_part_names "pensieve::gguf::part_names"(string_view name) except +

cdef extern from "gguf/strings.hpp" namespace "pensieve::gguf" nogil:
    vector[string_view] strings(Bytes file, const Metadata& metadata) except +
    vector[vector[size_t]] positions(
        const vector[string_view]& all, const vector[string_view]& wanted
    ) except +
    optional[size_t] first_without(
        const vector[string_view]& all, string_view part, size_t start
    ) except +

cdef extern from "gguf/utf8.hpp" namespace "pensieve::gguf" nogil:
    pass

cdef extern from *:
    """
    // PERF: a third of the time of PyUnicode_DecodeUTF8, which grows a buffer for each
    // text that is not ASCII; bench/native/bench_gguf.py
    static PyObject* python_text(std::string_view text) {
      const auto extent = pensieve::gguf::utf8_extent(text);
      PyObject* made = PyUnicode_New(static_cast<Py_ssize_t>(extent.num_characters),
                                     extent.limit);
      if (made == nullptr) {
        return nullptr;
      }
      void* characters = PyUnicode_DATA(made);
      if (extent.limit <= 0xff) {
        pensieve::gguf::decode_utf8(text, static_cast<Py_UCS1*>(characters));
      } else if (extent.limit == 0xffff) {
        pensieve::gguf::decode_utf8(text, static_cast<Py_UCS2*>(characters));
      } else {
        pensieve::gguf::decode_utf8(text, static_cast<Py_UCS4*>(characters));
      }
      return made;
    }
    """
    str python_text(string_view text)  # which is UTF-8

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


LIMITS = MappingProxyType({
    "keys": kMaxMetadata,
    "tensors": kMaxTensors,
    "bytes of a key": kMaxKeyBytes,
    "bytes of a tensor's name": kMaxTensorNameBytes,
    "bytes of a string": kMaxStringBytes,
    "items of an array": kMaxArrayItems,
    "dimensions": kMaxDimensions,
    "alignment": kMaxAlignment,
    "parts": kMaxParts,
})

# At its number in ValueType, each number's format in the struct module.
cdef tuple FORMATS = tuple("BbHhIif?") + (None, None) + tuple("Qqd")
cdef dict ITEM_TYPES = {None: str, "f": float, "d": float, "?": bool}


def part_names(str file_name not None):
    encoded = os.fsencode(file_name)
    return [os.fsdecode(name) for name in c_part_names(encoded)]


cdef list decode_all(const vector[string_view]& texts):
    cdef size_t size = texts.size()
    cdef list values = PyList_New(<Py_ssize_t>size)
    cdef size_t index
    for index in range(size):
        text = python_text(texts[index])
        Py_INCREF(text)  # PyList_SET_ITEM takes a reference
        PyList_SET_ITEM(values, <Py_ssize_t>index, text)
    return values


@cython.final
cdef class TensorInfo:
    cdef readonly str name
    cdef readonly tuple shape
    cdef readonly str type
    cdef readonly object offset
    cdef readonly object num_bytes
    cdef readonly object part

    def __repr__(self):
        return f"<TensorInfo {self.name} {self.type} {self.shape}>"


cdef TensorInfo tensor_info(const Tensor& tensor, size_t part):
    cdef TensorInfo made = TensorInfo.__new__(TensorInfo)
    made.name = python_text(tensor.name)
    made.shape = tuple(reversed(<list>tensor.shape))
    made.type = python_text(tensor.type.name)
    made.offset = tensor.offset
    made.num_bytes = tensor.num_bytes
    made.part = part
    return made


@cython.final
cdef class GgufArray:
    cdef GgufFile _file  # keeps all that follows alive
    cdef const Metadata* _metadata
    cdef vector[string_view] _strings  # once `_has_strings`
    cdef cpp_bool _has_strings

    __class_getitem__ = classmethod(GenericAlias)

    @property
    def item_type(self):
        return ITEM_TYPES.get(FORMATS[<uint32_t>self._metadata.type], int)

    def __len__(self):
        return self._metadata.count

    def __getitem__(self, index):
        size = len(self)
        place = index + size if index < 0 else index
        if not 0 <= place < size:
            raise IndexError(f"[gguf] expected an index of {size} items, got {index}")
        if self._metadata.type == ValueType.kString:
            return python_text(self._texts()[0][<size_t>place])
        return self._numbers()[place]

    def tolist(self):
        if self._metadata.type == ValueType.kString:
            return decode_all(self._texts()[0])
        return self._numbers().tolist()

    def check(self):
        if self._metadata.type == ValueType.kString:
            self._texts()

    def positions(self, texts):
        cdef list encoded = [text.encode() for text in texts]
        cdef vector[string_view] wanted
        cdef bytes each
        for each in encoded:
            wanted.push_back(view_of(each))
        return positions(self._texts()[0], wanted)

    def first_without(self, str text not None, size_t start=0):
        cdef bytes encoded = text.encode()
        cdef optional[size_t] found = first_without(
            self._texts()[0], view_of(encoded), start
        )
        return found.value() if found.has_value() else None

    cdef object _numbers(self):
        end = self._metadata.offset + self._metadata.num_bytes
        values = self._file._views[0][self._metadata.offset : end]
        return values.cast(FORMATS[<uint32_t>self._metadata.type])

    cdef const vector[string_view]* _texts(self) except NULL:
        if self._metadata.type != ValueType.kString:
            raise TypeError(
                f"[gguf] {python_text(self._metadata.key)}: expected strings, got "
                f"items of {self.item_type.__name__}"
            )
        if not self._has_strings:
            self._strings = strings(self._file._parts[0].file, self._metadata[0])
            self._has_strings = True
        return &self._strings


@cython.final
cdef class GgufFile:
    cdef list _paths
    cdef list _views  # a memoryview of each whole file
    cdef vector[Part] _parts  # their views point into _views
    cdef dict _places  # key -> index in the first part's metadata
    cdef dict _tensors  # name -> TensorInfo, once asked for

    def __cinit__(self, path):
        folder, name = os.path.split(os.fsdecode(path))
        self._paths = []
        self._views = []
        cdef Part first
        first.name = os.fsencode(name)
        first.file = self._mapped(os.path.join(folder, name))
        with nogil:
            first.header = parse_header(first.file)
        self._parts.push_back(first)

        cdef vector[string] files = model_files(first)
        cdef size_t index
        for index in range(1, files.size()):
            self._add(folder, files[index])
        require_one_model(self._parts)

        cdef const Header* header = &self._parts[0].header
        self._places = {}
        for index in range(header.metadata.size()):
            self._places[python_text(header.metadata[index].key)] = index

    @property
    def version(self):
        return self._parts[0].header.version

    @property
    def alignment(self):
        return self._parts[0].header.alignment

    @property
    def num_bytes(self):
        return sum([view.nbytes for view in self._views])

    @property
    def parts(self):
        return [
            (path, view.nbytes) for path, view in zip(self._paths, self._views)
        ]

    def keys(self):
        return list(self._places)

    def __contains__(self, key):
        return key in self._places

    def __getitem__(self, key):
        cdef GgufArray values = self._value(key)
        return values.tolist() if values._metadata.is_array else values[0]

    def get(self, key, default=None):
        return self[key] if key in self._places else default

    def array(self, key):
        cdef GgufArray values = self._value(key)
        return values if values._metadata.is_array else None

    def __len__(self):
        return len(self._places)

    def __iter__(self):
        return iter(self._places)

    @property
    def tensors(self):
        return list(self._named_tensors().values())

    def tensor_bytes(self, name):
        cdef TensorInfo tensor = self._named_tensors()[name]
        end = tensor.offset + tensor.num_bytes
        return self._views[tensor.part][tensor.offset : end]

    cdef dict _named_tensors(self):
        cdef size_t part, index
        if self._tensors is None:
            found = {}
            for part in range(self._parts.size()):
                for index in range(self._parts[part].header.tensors.size()):
                    tensor = tensor_info(self._parts[part].header.tensors[index], part)
                    found[tensor.name] = tensor
            self._tensors = found
        return self._tensors

    cdef GgufArray _value(self, key):
        cdef GgufArray values = GgufArray.__new__(GgufArray)
        cdef size_t index = self._places[key]
        values._file = self
        values._metadata = &self._parts[0].header.metadata[index]
        return values

    cdef _add(self, folder, string name):
        cdef Bytes content
        cdef Part part
        file_name = os.fsdecode(<bytes>name)
        try:
            content = self._mapped(os.path.join(folder, file_name))
        except FileNotFoundError:
            raise ValueError(
                f"[gguf] {file_name}: expected this part of the model beside its first,"
                " got no such file"
            ) from None
        with nogil:
            part = parse_part(name, content)
        self._parts.push_back(part)

    cdef Bytes _mapped(self, path) except *:
        """Map a file, and return its bytes; `_views` keeps them."""
        with open(path, "rb", opener=_open_at_once) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ValueError(
                    f"[gguf] {os.path.basename(path)}: expected a regular file, got a"
                    " pipe or a device"
                )
            # mmap refuses an empty file in words of its own.
            mapping = mapped(file.fileno()) if status.st_size else b""
        view = memoryview(mapping)
        self._paths.append(path)
        self._views.append(view)
        return buffer_bytes(PyMemoryView_GET_BUFFER(view))


cdef string_view view_of(bytes text):
    """Return a view of a Python string's bytes, which must outlive it."""
    return string_view(<const char*>text, <size_t>len(text))


def _open_at_once(path, flags):
    """Open a file, and do not wait where it is a pipe that nobody writes to."""
    return os.open(path, flags | os.O_NONBLOCK)


cdef object mapped(int descriptor):
    options = {"access": mmap.ACCESS_READ}
    if sys.version_info >= (3, 13):
        options["trackfd"] = False  # no open file for each part
    return mmap.mmap(descriptor, 0, **options)
