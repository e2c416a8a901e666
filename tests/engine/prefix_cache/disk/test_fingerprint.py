"""The same model is known again, however it was fetched; another is not."""

import os
import shutil

import pytest

from pensieve.engine.prefix_cache.disk.fingerprint import (
    NUM_PAGES,
    PAGE_BYTES,
    fingerprint,
)

SIZE = 3 * NUM_PAGES * PAGE_BYTES


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "llama"}')
    (folder / "model.safetensors").write_bytes(os.urandom(SIZE))
    return folder


def test_a_copy_of_another_age_is_the_same(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    os.utime(copy / "model.safetensors", (1, 1))
    (copy / "README.md").write_text("not of the model")

    assert fingerprint(copy) == fingerprint(folder)


@pytest.mark.parametrize("place", [0, SIZE // 3, SIZE - SIZE // 100 - 1])
def test_a_change_of_a_hundredth_of_the_weights_is_seen(folder, place):
    before = fingerprint(folder)
    with (folder / "model.safetensors").open("r+b") as file:
        file.seek(place)
        file.write(os.urandom(SIZE // 100))

    assert fingerprint(folder) != before


def test_other_configurations_and_names_are_other_models(folder):
    seen = {fingerprint(folder)}
    (folder / "config.json").write_text('{"model_type": "gemma"}')
    seen.add(fingerprint(folder))
    (folder / "model.safetensors").rename(folder / "other.safetensors")
    seen.add(fingerprint(folder))

    assert len(seen) == 3


def test_a_single_file_is_known_by_what_it_holds(folder, tmp_path):
    one, other = tmp_path / "one.gguf", tmp_path / "other.gguf"
    shutil.copy(folder / "model.safetensors", one)
    shutil.copy(one, other)
    assert fingerprint(one) == fingerprint(other)

    os.truncate(other, SIZE - 1)

    assert fingerprint(one) != fingerprint(other)


def test_a_model_in_several_files_is_known_by_all_of_them(folder, tmp_path):
    first, second = (tmp_path / f"m-0000{each}-of-00002.gguf" for each in (1, 2))
    shutil.copy(folder / "model.safetensors", first)
    alone = fingerprint(first)
    shutil.copy(folder / "model.safetensors", second)
    both = fingerprint(first)
    second.write_bytes(os.urandom(SIZE))

    assert len({alone, both, fingerprint(first)}) == 3
