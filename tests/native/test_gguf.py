import gc
import os
import struct
from contextlib import suppress

import gguf
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.gguf_bytes import (
    F32,
    STRING,
    UINT8,
    array,
    head,
    key,
    padded,
    tensor,
    text,
)

from pensieve._native.gguf import GgufFile


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


def test_an_array_is_converted_item_by_item(written_path):
    file = GgufFile(written_path)

    for name in ("integers", "floats", "bools", "strings"):
        values, expected = file.array(name), file[name]
        assert len(values) == len(expected)
        assert values.tolist() == expected
        size = len(values)
        assert [values[index] for index in range(size)] == expected
        assert [values[index] for index in range(-size, 0)] == expected
        assert values.item_type is type(expected[0])
        for index in (len(expected), -len(expected) - 1):
            with pytest.raises(IndexError, match=f"of 3 items|of 2 items, got {index}"):
                values[index]
    assert file.array("string") is None
    with pytest.raises(KeyError, match="absent"):
        file.array("absent")


def test_an_array_outlives_the_file_object(written_path):
    values = GgufFile(written_path).array("strings")
    gc.collect()

    assert values.tolist() == ["", "ä", "a b"]


def test_strings_of_an_array_are_found_without_converting_it(written_path):
    values = GgufFile(written_path).array("strings")

    assert values.positions(["a b", "absent", "ä", ""]) == [[2], [], [1], [0]]
    assert values.positions([]) == []
    assert values.first_without("", 0) is None
    assert values.first_without(" ") == 0
    assert values.first_without("b", 2) == 0


def test_only_strings_are_searched_for_strings(written_path):
    values = GgufFile(written_path).array("integers")

    values.check()
    expected = r"^\[gguf\] integers: expected strings, got items of int$"
    with pytest.raises(TypeError, match=expected):
        values.positions(["a"])
    with pytest.raises(TypeError, match=expected):
        values.first_without("a")


@pytest.mark.parametrize("character", ["\0", "a", "\x7f", "\x80", "ÿ", "Ā", "\ud7ff"])
@pytest.mark.parametrize("others", ["", "abc", "é", "Ġa", "\uffff", "😀", "\U0010ffff"])
def test_strings_are_decoded_as_python_does_it(opened, character, others):
    value = others + character + others
    file = opened(head(0, 1) + key("a", STRING, text(value)))

    assert file["a"] == value
    assert file["a"].isascii() == value.isascii()  # the narrowest form, as all are
    assert hash(file["a"]) == hash(value)


def test_version_2_is_read(opened):
    file = opened(head(0, 1, version=2) + key("a", STRING, text("b")))

    assert file.version == 2
    assert file["a"] == "b"


@pytest.mark.parametrize("item_type", [*range(9), 10, 11, 12])
def test_empty_arrays_are_empty_lists(opened, item_type):
    file = opened(head(0, 1) + array("a", item_type, 0))

    assert file["a"] == []
    assert len(file.array("a")) == 0


def test_a_tensor_without_dimensions_has_an_empty_shape(opened):
    file = opened(padded(head(1, 0) + tensor("a", [], F32)) + struct.pack("<f", 0.5))

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
    file = opened(
        head(0, 3)
        + key("good", STRING, text("a"))
        + key("bad", STRING, text(b"\xc3"))
        + array("tokens", STRING, 2, text("a") + text(b"b\xff"))
    )

    assert file["good"] == "a"
    bad = r"^\[gguf\] bad: expected UTF-8, got byte 195 at byte 0 of string 0$"
    with pytest.raises(ValueError, match=bad):
        file["bad"]
    tokens = r"^\[gguf\] tokens: expected UTF-8, got byte 255 at byte 1 of string 1$"
    for ask in (
        lambda: file.get("tokens"),
        lambda: file.array("tokens")[0],
        file.array("tokens").tolist,
        file.array("tokens").check,
        lambda: file.array("tokens").positions(["a"]),
        lambda: file.array("tokens").first_without("a"),
    ):
        with pytest.raises(ValueError, match=tokens):
            ask()


def test_what_cannot_be_opened_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        GgufFile(tmp_path / "absent.gguf")
    with pytest.raises(IsADirectoryError):
        GgufFile(tmp_path)


def test_what_is_no_regular_file_is_refused_and_not_waited_for(tmp_path):
    pipe = tmp_path / "pipe.gguf"
    os.mkfifo(pipe)
    for path in (pipe, "/dev/zero"):
        name = os.path.basename(path)
        expected = f"{name}: expected a regular file, got a pipe or a device$"
        with pytest.raises(ValueError, match=rf"^\[gguf\] {expected}"):
            GgufFile(path)


def test_a_file_of_many_gigabytes_is_mapped_where_it_is(tmp_path):
    path = tmp_path / "large.gguf"
    num_values = 3 << 30
    content = padded(
        head(2, 0)
        + tensor("zeros", [num_values // 2, 2], F32)
        + tensor("last", [3], F32, num_values * 4)
    )
    with path.open("wb") as out:
        out.write(content)
        out.seek(num_values * 4, os.SEEK_CUR)  # no disk is taken for it
        out.write(struct.pack("<3f", 1, 2, 3))
    file = GgufFile(path)

    zeros, last = file.tensors
    assert file.num_bytes == path.stat().st_size > 12 << 30
    assert zeros.num_bytes == 12 << 30
    assert last.offset > 1 << 32
    assert file.tensor_bytes("last") == struct.pack("<3f", 1, 2, 3)
    assert file.tensor_bytes("zeros")[-4:] == bytes(4)


def test_the_longest_of_everything_is_taken(opened):
    keys = [key(f"{index}", UINT8, b"\0") for index in range(65_535)]
    keys.append(key("k" * 65_535, STRING, text("v" * (1 << 20))))
    names = padded(tensor("n" * 64, [1, 1, 1, 1], F32))
    file = opened(padded(head(1, 65_536) + b"".join(keys) + names) + bytes(64))

    assert len(file) == 65_536
    assert file["k" * 65_535] == "v" * (1 << 20)
    assert file.tensors[0].shape == (1, 1, 1, 1)


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
