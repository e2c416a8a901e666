# cython: language_level=3, autotestdict=False, auto_pickle=False
"""Binding of csrc/bpe; documented in pensieve/_native/bpe.pyi."""

cimport cython
from cpython cimport array

from array import array as new_array

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_AsUTF8AndSize, PyUnicode_DecodeUTF8
from libc.stdint cimport int16_t, uint8_t, uint32_t
from libc.string cimport memcpy
from libcpp cimport bool as cpp_bool
from libcpp.memory cimport make_unique, unique_ptr
from libcpp.optional cimport optional
from libcpp.string cimport string
from libcpp.string_view cimport string_view
from libcpp.vector cimport vector


cdef extern from "bpe/splitter.hpp" namespace "pensieve::bpe" nogil:
    enum class Splitter:
        kNone

    optional[Splitter] splitter_named(string_view name)

cdef extern from "bpe/description.hpp" namespace "pensieve::bpe" nogil:
    uint32_t kNoToken

    enum class SpaceBefore(uint8_t):
        kNever
        kFirstText
        kEveryText

    struct Token:
        string text
        uint32_t id

    struct Merge:
        uint32_t left
        uint32_t right
        uint32_t made

    struct AddedToken:
        string text
        uint32_t id
        cpp_bool is_text
        cpp_bool takes_before
        cpp_bool takes_after

    struct Span:
        uint32_t id
        string_view text

    cppclass Description:
        vector[Token] tokens
        vector[Merge] merges
        vector[AddedToken] raw_tokens
        vector[AddedToken] normalized_tokens
        vector[uint32_t] watched
        uint32_t unknown
        cpp_bool fuses_unknown
        cpp_bool is_byte_level
        Splitter splitter
        cpp_bool keeps_whole
        uint32_t[256] byte_tokens
        cpp_bool has_byte_tokens
        cpp_bool prepends
        cpp_bool replaces_spaces
        cpp_bool is_metaspace
        SpaceBefore space_before

cdef extern from "bpe/token_table.hpp" namespace "pensieve::bpe" nogil:
    cppclass TokenTable:
        TokenTable(size_t capacity) except +
        void insert(string_view text, uint32_t id) except +
        uint32_t find(string_view text)

cdef extern from "bpe/encoder.hpp" namespace "pensieve::bpe" nogil:
    enum class Steps(uint8_t):
        kAll
        kAfterNormalizing

    cppclass CppEncoder "pensieve::bpe::Encoder":
        CppEncoder(const Description& description) except +
        optional[size_t] encode(
            string_view text, Steps steps, vector[uint32_t]* ids
        ) except +
        void split_raw(string_view text, vector[Span]& spans) except +


cdef dict SPACES = {
    "never": SpaceBefore.kNever,
    "first": SpaceBefore.kFirstText,
    "always": SpaceBefore.kEveryText,
}

cdef array.array NO_IDS = new_array("I")

# PERF: shorter texts keep the GIL: giving it up may cost a thread's whole turn.
cdef size_t SHORT_BYTES = 2048

# The byte that each of GPT-2's letters stands for; -1: of none.
cdef int16_t[0x144] LETTERS


cdef void fill_letters():
    cdef int byte, other = 0x100
    for byte in range(0x144):
        LETTERS[byte] = -1
    for byte in range(0x100):
        if 0x21 <= byte <= 0x7e or 0xa1 <= byte <= 0xac or 0xae <= byte:
            LETTERS[byte] = byte
        else:
            LETTERS[other] = byte
            other += 1


fill_letters()


@cython.final
cdef class _Utf8:
    """UTF-8 of a text, which it keeps alive."""

    cdef object _owner
    cdef string_view view

    def __cinit__(self, str text not None):
        # PERF: of text that is not ASCII, str would keep a copy for good.
        cdef Py_ssize_t size
        cdef const char* start
        if text.isascii():
            start = PyUnicode_AsUTF8AndSize(text, &size)
            self._owner = text
        else:
            encoded = text.encode()
            start = PyBytes_AS_STRING(encoded)
            size = PyBytes_GET_SIZE(encoded)
            self._owner = encoded
        self.view = string_view(start, <size_t>size)


cdef string utf8_string(str text) except *:
    cdef bytes encoded = text.encode()
    return string(PyBytes_AS_STRING(encoded), <size_t>PyBytes_GET_SIZE(encoded))


cdef string letters_bytes(str token):
    """The bytes of a token that is written in GPT-2's letters; else nothing."""
    cdef string text
    cdef Py_UCS4 letter
    for letter in token:
        if letter >= 0x144 or LETTERS[<int>letter] < 0:
            return string()
        text.push_back(<char>LETTERS[<int>letter])
    return text


cdef string_view utf8_view(str text) except *:
    """View the UTF-8 form that `text` keeps."""
    cdef Py_ssize_t size
    cdef const char* start = PyUnicode_AsUTF8AndSize(text, &size)
    return string_view(start, <size_t>size)


cdef void add_merges(Description& description, dict vocab, merges) except *:
    # PERF: of half a million merges, a dict would hash each text thrice.
    cdef unique_ptr[TokenTable] ids = make_unique[TokenTable](<size_t>len(vocab))
    cdef str text, left, right
    cdef string_view left_view, right_view
    cdef Merge merge
    cdef string both
    for text, token_id in vocab.items():
        ids.get().insert(utf8_view(text), token_id)
    for left, right in merges:
        left_view, right_view = utf8_view(left), utf8_view(right)
        both.assign(left_view.data(), left_view.size())
        both.append(right_view.data(), right_view.size())
        merge.left = ids.get().find(left_view)
        merge.right = ids.get().find(right_view)
        merge.made = ids.get().find(<string_view>both)
        if kNoToken in (merge.left, merge.right, merge.made):
            texts = [left, right, left + right]
            missing = [repr(each) for each in texts if each not in vocab]
            raise ValueError(
                f"[bpe] merge {description.merges.size()}: expected tokens,"
                f" got {', '.join(missing)}"
            )
        description.merges.push_back(merge)


cdef Splitter named_splitter(str name) except *:
    cdef _Utf8 utf8 = _Utf8(name)
    cdef optional[Splitter] splitter = splitter_named(utf8.view)
    if not splitter.has_value():
        raise ValueError(f"[bpe] splitter: expected the name of one, got {name!r}")
    return splitter.value()


cdef vector[AddedToken] added_tokens(tokens) except *:
    cdef vector[AddedToken] added
    cdef AddedToken token
    for text, token_id, is_text, takes_before, takes_after in tokens:
        token.text = utf8_string(text)
        token.id = token_id
        token.is_text = is_text
        token.takes_before = takes_before
        token.takes_after = takes_after
        added.push_back(token)
    return added


@cython.final
cdef class Encoder:
    cdef unique_ptr[CppEncoder] _encoder

    def __cinit__(
        self,
        dict vocab not None,
        merges,
        *,
        splitter=None,
        keeps_whole=False,
        unknown=None,
        fuses_unknown=False,
        has_byte_tokens=False,
        prepends=False,
        replaces_spaces=False,
        metaspace=None,
        raw_tokens=(),
        normalized_tokens=(),
        watched=(),
    ):
        cdef Description description
        cdef Token token
        cdef str text
        description.is_byte_level = splitter is not None
        for text, token_id in vocab.items():
            token.id = token_id
            if description.is_byte_level:
                token.text = letters_bytes(text)
            else:
                token.text = utf8_string(text)
            if not token.text.empty():
                description.tokens.push_back(token)
        add_merges(description, vocab, merges)
        description.raw_tokens = added_tokens(raw_tokens)
        description.normalized_tokens = added_tokens(normalized_tokens)
        description.watched = watched
        if unknown is not None:
            description.unknown = vocab[unknown]
        description.fuses_unknown = fuses_unknown
        if description.is_byte_level:
            description.splitter = named_splitter(splitter)
        description.keeps_whole = keeps_whole
        if has_byte_tokens:
            for byte in range(256):
                description.byte_tokens[<size_t>byte] = vocab[f"<0x{byte:02X}>"]
        description.has_byte_tokens = has_byte_tokens
        description.prepends = prepends
        description.replaces_spaces = replaces_spaces
        description.is_metaspace = metaspace is not None
        if metaspace is not None:
            description.space_before = SPACES[metaspace]
        with nogil:
            self._encoder = make_unique[CppEncoder](description)

    def encode(self, str text not None, *, cpp_bool is_normalized=False):
        cdef vector[uint32_t] ids
        cdef _Utf8 utf8 = _Utf8(text)
        if not self._run(utf8.view, is_normalized, &ids).has_value():
            return None
        cdef array.array made = array.clone(NO_IDS, <Py_ssize_t>ids.size(), zero=False)
        if not ids.empty():
            memcpy(made.data.as_voidptr, ids.data(), ids.size() * sizeof(uint32_t))
        return made

    def count(self, str text not None, *, cpp_bool is_normalized=False):
        cdef _Utf8 utf8 = _Utf8(text)
        cdef optional[size_t] number = self._run(utf8.view, is_normalized, NULL)
        return number.value() if number.has_value() else None

    def split_raw(self, str text not None):
        cdef _Utf8 utf8 = _Utf8(text)
        cdef vector[Span] spans
        cdef Span span
        self._encoder.get().split_raw(utf8.view, spans)
        cdef list parts = []
        for span in spans:
            if span.id != kNoToken:
                parts.append(span.id)
            else:
                parts.append(
                    PyUnicode_DecodeUTF8(
                        span.text.data(), <Py_ssize_t>span.text.size(), NULL
                    )
                )
        return parts

    cdef optional[size_t] _run(
        self, string_view text, cpp_bool is_normalized, vector[uint32_t]* ids
    ) except *:
        cdef Steps steps = Steps.kAfterNormalizing if is_normalized else Steps.kAll
        cdef optional[size_t] number
        if text.size() < SHORT_BYTES:
            return self._encoder.get().encode(text, steps, ids)
        with nogil:
            number = self._encoder.get().encode(text, steps, ids)
        return number
