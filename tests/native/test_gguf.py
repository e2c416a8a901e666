import gc
import os
import struct
from contextlib import suppress

import gguf
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pensieve._native.gguf import GgufFile

STRING, ARRAY = 8, 9


def text(value):
    encoded = value if isinstance(value, bytes) else value.encode()
    return struct.pack("<Q", len(encoded)) + encoded


def head(num_tensors, num_keys, version=3):
    return b"GGUF" + struct.pack("<IQQ", version, num_tensors, num_keys)


def key(name, value_type, value):
    return text(name) + struct.pack("<I", value_type) + value


def tensor(name, shape, type_number, offset=0):
    sizes = struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
    return text(name) + sizes + struct.pack("<IQ", type_number, offset)


def padded(content):
    return content + bytes(-len(content) % 32)


@pytest.fixture
def opened(tmp_path):
    """Open a file of these bytes."""

    def open_bytes(content):
        path = tmp_path / "model.gguf"
        path.write_bytes(content)
        return GgufFile(path)

    return open_bytes


@pytest.fixture(scope="module")
def written_path(tmp_path_factory):
    """A file by gguf-py's writer with every type of value and several of tensor."""
    path = tmp_path_factory.mktemp("gguf") / "written.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_uint8("uint8", 2**8 - 1)
    writer.add_int8("int8", -(2**7))
    writer.add_uint16("uint16", 2**16 - 1)
    writer.add_int16("int16", -(2**15))
    writer.add_uint32("uint32", 2**32 - 1)
    writer.add_int32("int32", -(2**31))
    writer.add_uint64("uint64", 2**64 - 1)
    writer.add_int64("int64", -(2**63))
    writer.add_float32("float32", 0.1)
    writer.add_float64("float64", 0.1)
    writer.add_bool("true", True)
    writer.add_bool("false", False)
    writer.add_string("string", "Zürich 😀\n")
    writer.add_string("empty", "")
    writer.add_array("integers", [1, -2, 3])
    writer.add_array("floats", [0.5, -1e30, float("inf")])
    writer.add_array("bools", [True, False])
    writer.add_array("strings", ["", "ä", "a b"])
    rng = np.random.default_rng(7)
    writer.add_tensor("matrix", rng.standard_normal((3, 64), np.float32))
    writer.add_tensor("vector", rng.standard_normal(5).astype(np.float16))
    writer.add_tensor(
        "quantised",
        gguf.quantize(
            rng.standard_normal((4, 64), np.float32), gguf.GGMLQuantizationType.Q4_1
        ),
        raw_dtype=gguf.GGMLQuantizationType.Q4_1,
    )
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.mark.parametrize("fixture", ["written_path", "smollm2_path"])
def test_metadata_and_tensors_equal_those_of_gguf_py(fixture, request):
    path = request.getfixturevalue(fixture)
    ours, theirs = GgufFile(path), gguf.GGUFReader(path)

    fields = {
        name: field.contents()
        for name, field in theirs.fields.items()
        if not name.startswith("GGUF.")  # the reader's own names for the header
    }
    assert ours.keys() == list(fields)
    assert {name: ours[name] for name in ours} == fields
    assert {name: type(ours[name]) for name in ours} == {
        name: type(value) for name, value in fields.items()
    }
    assert ours.version == theirs.fields["GGUF.version"].contents()
    assert ours.alignment == theirs.alignment
    assert [
        (info.name, info.shape, info.type, info.offset, info.num_bytes)
        for info in ours.tensors
    ] == [
        (
            info.name,
            tuple(reversed(info.shape.tolist())),
            info.tensor_type.name,
            info.data_offset,
            info.n_bytes,
        )
        for info in theirs.tensors
    ]
    for info in theirs.tensors:
        assert ours.tensor_bytes(info.name) == info.data.tobytes()


def test_the_file_is_a_mapping_of_its_keys(written_path):
    file = GgufFile(written_path)

    assert file.num_bytes == written_path.stat().st_size
    assert len(file) == len(file.keys()) == len(list(file))
    assert "string" in file
    assert "absent" not in file
    assert file.get("absent") is None
    assert file.get("absent", 3) == 3
    assert file.get("uint8", 3) == 255
    with pytest.raises(KeyError, match="absent"):
        file["absent"]
    with pytest.raises(KeyError, match="absent"):
        file.tensor_bytes("absent")


def test_a_path_may_be_text_or_bytes_or_a_path(written_path):
    for path in (written_path, str(written_path), os.fsencode(written_path)):
        assert GgufFile(path)["string"] == "Zürich 😀\n"


def test_lists_are_the_callers_to_change(written_path):
    file = GgufFile(written_path)
    for found in (file.keys(), file.tensors, file["strings"]):
        found.clear()

    assert len(file.keys()) == len(file)
    assert len(file.tensors) == 3
    assert file["strings"] == ["", "ä", "a b"]


def test_version_2_is_read(opened):
    file = opened(head(0, 1, version=2) + key("a", STRING, text("b")))

    assert file.version == 2
    assert file["a"] == "b"


@pytest.mark.parametrize("item_type", [*range(9), 10, 11, 12])
def test_empty_arrays_are_empty_lists(opened, item_type):
    file = opened(head(0, 1) + key("a", ARRAY, struct.pack("<IQ", item_type, 0)))

    assert file["a"] == []


def test_a_tensor_without_dimensions_has_an_empty_shape(opened):
    file = opened(padded(head(1, 0) + tensor("a", [], 0)) + struct.pack("<f", 0.5))

    assert file.tensors[0].shape == ()
    assert file.tensor_bytes("a") == struct.pack("<f", 0.5)


@pytest.mark.parametrize(
    "type_", gguf.GGMLQuantizationType, ids=lambda type_: type_.name
)
def test_every_tensor_type_of_gguf_py_is_known_by_name(opened, type_):
    block_size, block_bytes = gguf.GGML_QUANT_SIZES[type_]
    content = padded(head(1, 0) + tensor("a", [2 * block_size, 3], type_))

    [info] = opened(content + bytes(6 * block_bytes)).tensors

    assert info.type == type_.name
    assert info.shape == (3, 2 * block_size)
    assert info.num_bytes == 6 * block_bytes


def test_tensor_bytes_outlive_the_file_object_and_the_name(written_path, tmp_path):
    path = tmp_path / "copy.gguf"
    path.write_bytes(written_path.read_bytes())
    file = GgufFile(path)
    expected = bytes(file.tensor_bytes("matrix"))

    view = file.tensor_bytes("matrix")
    del file
    path.unlink()
    gc.collect()

    assert view == expected
    assert view.nbytes == 3 * 64 * 4


def test_tensor_bytes_are_read_only(written_path):
    view = GgufFile(written_path).tensor_bytes("matrix")

    assert view.readonly
    assert not np.frombuffer(view, np.float32).flags.writeable


def test_a_string_that_is_not_utf8_is_refused_by_key_when_asked_for(opened):
    strings = struct.pack("<IQ", STRING, 2) + text("a") + text(b"b\xff")
    file = opened(
        head(0, 3)
        + key("good", STRING, text("a"))
        + key("bad", STRING, text(b"\xc3"))
        + key("tokens", ARRAY, strings)
    )

    assert file["good"] == "a"
    with pytest.raises(
        ValueError, match=r"^\[gguf\] bad: expected UTF-8, got .* byte 0"
    ):
        file["bad"]
    with pytest.raises(ValueError, match=r"^\[gguf\] tokens: .* byte 1 of string 1$"):
        file.get("tokens")


@pytest.mark.parametrize("content", [b"", b"GG", b"PK\x03\x04" * 10, b"GGUF" * 10])
def test_other_files_are_refused(opened, content):
    with pytest.raises(ValueError, match=r"^\[gguf\] "):
        opened(content)


def test_what_cannot_be_opened_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        GgufFile(tmp_path / "absent.gguf")
    with pytest.raises(IsADirectoryError):
        GgufFile(tmp_path)


def is_read(path):
    """Look at all that a file holds, where it is taken at all."""
    try:
        file = GgufFile(path)
    except ValueError:
        return False
    for name in file:
        with suppress(ValueError):  # not UTF-8
            file[name]
    for info in file.tensors:
        assert len(bytes(file.tensor_bytes(info.name))) == info.num_bytes
    return True


@pytest.fixture(scope="module")
def damaged(written_path, tmp_path_factory):
    """Write a damaged copy; each to a file of its own, as old ones may be mapped."""
    whole = written_path.read_bytes()
    path = tmp_path_factory.mktemp("damaged") / "damaged.gguf"

    def write(damage):
        content = bytearray(whole)
        damage(content)
        path.unlink(missing_ok=True)
        path.write_bytes(content)
        return path

    return write


@settings(max_examples=200, deadline=None)
@given(kept=st.floats(0, 1, exclude_max=True))
def test_a_truncated_file_is_refused(damaged, kept):
    def truncate(content):
        del content[int(len(content) * kept) :]

    assert not is_read(damaged(truncate))


NUMBERS = st.one_of(
    st.integers(0, 2**64 - 1),
    st.sampled_from([0, 1, 2**31, 2**32 - 1, 2**61 + 1, 2**63, 2**64 - 1]),
)


@settings(max_examples=500, deadline=None)
@given(
    changes=st.lists(
        st.tuples(
            st.floats(0, 1, exclude_max=True), NUMBERS, st.sampled_from([1, 4, 8])
        ),
        min_size=1,
        max_size=4,
    )
)
def test_a_mutated_file_is_read_or_refused(damaged, changes):
    def mutate(content):
        for place, number, size in changes:
            start = int(len(content) * place)
            end = min(start + size, len(content))
            content[start:end] = struct.pack("<Q", number)[: end - start]

    is_read(damaged(mutate))
