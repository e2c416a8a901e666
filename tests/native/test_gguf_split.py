"""Models in several files: the first opens all."""

import os
import struct

import gguf
import numpy as np
import pytest
from reference.gguf_bytes import head
from reference.malformed_splits import FIRST, SECOND, WHOLE

from pensieve._native.gguf import GgufFile, part_names


@pytest.fixture
def two_parts(tmp_path):
    for name, content in WHOLE.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


@pytest.fixture
def written_parts(tmp_path):
    """A model in three files, by gguf-py's own writer, and its tensors."""
    rng = np.random.default_rng(3)
    tensors = {
        f"t{index}": rng.standard_normal((4, 8), np.float32) for index in range(6)
    }
    writer = gguf.GGUFWriter(tmp_path / "made.gguf", "llama", split_max_tensors=2)
    writer.add_array("tokens", ["a", "b"])
    for name, values in tensors.items():
        writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return tmp_path / "made-00001-of-00003.gguf", tensors


def test_the_first_part_opens_all(written_parts):
    path, tensors = written_parts
    file = GgufFile(path)

    assert [info.name for info in file.tensors] == list(tensors)
    assert [info.part for info in file.tensors] == [0, 0, 1, 1, 2, 2]
    for name, values in tensors.items():
        assert file.tensor_bytes(name) == values.tobytes()
    assert file["tokens"] == ["a", "b"]
    assert file["general.architecture"] == "llama"
    names = [f"made-0000{number}-of-00003.gguf" for number in (1, 2, 3)]
    sizes = [(path.parent / name).stat().st_size for name in names]
    assert file.parts == [
        (str(path.parent / name), size) for name, size in zip(names, sizes, strict=True)
    ]
    assert file.num_bytes == sum(sizes)


def test_a_model_in_one_file_is_its_only_part(two_parts):
    path = two_parts / "one.gguf"
    path.write_bytes(head(0, 0))

    assert GgufFile(path).parts == [(str(path), 24)]


def test_parts_are_looked_for_beside_a_link_to_the_first(two_parts, tmp_path):
    """So a cache of the hub has them: links to files that are named by their hash."""
    links = tmp_path / "links"
    links.mkdir()
    for number, name in enumerate((FIRST, SECOND)):
        (two_parts / name).rename(two_parts / f"blob{number}")
        (links / name).symlink_to(two_parts / f"blob{number}")

    assert [info.name for info in GgufFile(links / FIRST).tensors] == ["a", "b"]


def test_parts_are_found_from_a_relative_path(two_parts, monkeypatch):
    monkeypatch.chdir(two_parts)

    assert GgufFile(FIRST).parts[1] == (SECOND, len(WHOLE[SECOND]))


def test_a_part_that_is_a_pipe_is_not_waited_for(two_parts):
    (two_parts / SECOND).unlink()
    os.mkfifo(two_parts / SECOND)

    with pytest.raises(ValueError, match=rf"{SECOND}: expected a regular file"):
        GgufFile(two_parts / FIRST)


def test_a_part_that_is_a_folder_is_an_os_error(two_parts):
    (two_parts / SECOND).unlink()
    (two_parts / SECOND).mkdir()

    with pytest.raises(IsADirectoryError):
        GgufFile(two_parts / FIRST)


def test_tensor_bytes_outlive_the_model_that_is_split(two_parts):
    view = GgufFile(two_parts / FIRST).tensor_bytes("b")

    assert view == struct.pack("<f", 1)


def test_any_part_s_name_tells_all_names():
    assert part_names(SECOND) == [FIRST, SECOND]
    assert part_names("model.gguf") == ["model.gguf"]
    assert part_names("m-00001-of-00001.gguf") == ["m-00001-of-00001.gguf"]
    assert part_names("m\udcff-00001-of-00002.gguf")[1] == "m\udcff-00002-of-00002.gguf"
    assert len(part_names("m-00007-of-00512.gguf")) == 512
    assert part_names("m-00007-of-00513.gguf") == ["m-00007-of-00513.gguf"]
