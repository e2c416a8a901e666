"""Files that are damaged, cut off, foreign or gone are a miss, and never more."""

import os

import msgspec
import pytest
from engine.prefix_cache.disk.tiers import Warm, prompt
from engine.tiny_models import (
    name,
    tiny_gemma3,
    tiny_llama,
    tiny_qwen3_5,
)

from pensieve.engine.prefix_cache.disk.file_format import (
    MAGIC,
    encode_opening,
    read_opening,
)
from pensieve.engine.prefix_cache.disk.state_form import ArrayShape, LayerState

TOLERANCE = 1e-4


def test_files_of_a_form_that_is_not_the_models_are_removed(llama, tmp_path):
    Warm(llama, tmp_path).learn(prompt(100))

    other = Warm(tiny_gemma3(), tmp_path)

    assert other.files == []
    assert other.size(prompt(100)) == 0


def test_other_programs_files_are_left_out(llama, tmp_path):
    warm = Warm(llama, tmp_path).learn(prompt(100))
    for i, content in enumerate([b"", b"\0" * 100, MAGIC, MAGIC + b"\xff" * 5000]):
        (tmp_path / "model" / f"{i}.kv").write_bytes(content)
    (tmp_path / "model" / "notes.txt").write_text("mine")

    again = warm.again()

    assert again.size([*prompt(100), 1]) == 100
    assert len(again.files) == len(warm.files) == 1
    assert (tmp_path / "model" / "notes.txt").exists()


def test_files_that_vanish_are_a_miss(model, tmp_path):
    warm = Warm(model, tmp_path).learn(prompt(1200))
    again = warm.again()
    for path in warm.files:
        path.unlink()

    assert again.size([*prompt(1200), 1]) == 0
    assert again.learn(prompt(1200)).again().size([*prompt(1200), 1]) == 1200


def test_files_that_vanish_unseen_are_written_again_a_turn_later(model, tmp_path):
    warm = Warm(model, tmp_path).learn(prompt(700))
    for path in warm.files:
        path.unlink()

    warm.learn(prompt(700)).learn(prompt(700))

    assert warm.again().size([*prompt(700), 1]) == 700


def test_of_a_sequence_whose_middle_is_damaged_the_start_is_read(llama, tmp_path):
    warm = Warm(llama, tmp_path).learn(prompt(1500))
    again = warm.again()
    middle = next(p for p in warm.files if p.name.endswith("-200.kv"))
    flip(middle, middle.stat().st_size - 1)

    cached, error = again.error(prompt(1500))

    assert cached == 512
    assert error < TOLERANCE
    assert not middle.exists()


def flip(path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 0x10
    path.write_bytes(content)


def retold(path, **changes) -> None:
    """Change what a file's header says, with a right checksum."""
    with path.open("rb") as file:
        header, body_offset = read_opening(file.fileno(), path)
    body = path.read_bytes()[body_offset:]
    header = msgspec.structs.replace(header, **changes)
    path.write_bytes(encode_opening(header, len(body)) + body)


@pytest.mark.parametrize(
    ("start", "end"), [(0, 2**40), (0, 2**31 - 1), (0, 600), (-16, 40), (40, 40)]
)
def test_a_kv_file_of_tokens_that_cannot_be_is_removed(llama, tmp_path, start, end):
    [path] = Warm(llama, tmp_path).learn(prompt(40)).files
    retold(path, start=start, end=end)

    assert Warm(llama, tmp_path).size([*prompt(40), 0]) == 0
    assert not path.exists()


@pytest.mark.parametrize("end", [2**40, 2**31, 0, -1])
def test_a_state_of_tokens_that_cannot_be_is_removed(tmp_path, end):
    model = tiny_qwen3_5()
    warm = Warm(model, tmp_path).learn(prompt(40))
    [path] = [each for each in warm.files if each.suffix == ".state"]
    retold(path, end=end)

    assert Warm(model, tmp_path).size([*prompt(40), 0]) == 0
    assert not path.exists()


@pytest.mark.parametrize(
    "item",
    [
        ArrayShape([0, 2**62], "float32"),
        ArrayShape([0, 2**31], "float32"),
        ArrayShape([0, 5], "float32"),
        ArrayShape([-1, 5], "float32"),
        ArrayShape([0, 5], "float31"),
    ],
)
def test_a_state_of_arrays_that_cannot_be_is_removed(tmp_path, item):
    model = tiny_qwen3_5()
    warm = Warm(model, tmp_path).learn(prompt(40))
    [path] = [each for each in warm.files if each.suffix == ".state"]
    state = msgspec.msgpack.encode([LayerState("ArraysCache", [item])])
    with path.open("rb") as file:
        header = read_opening(file.fileno(), path).header
    opening = encode_opening(msgspec.structs.replace(header, state=state), 0)
    path.write_bytes(opening)

    assert Warm(model, tmp_path).size([*prompt(40), 0]) == 0
    assert not path.exists()


@pytest.mark.parametrize("is_open", [True, False], ids=["while open", "before"])
@pytest.mark.parametrize("make", [tiny_llama, tiny_qwen3_5], ids=name)
def test_every_region_of_a_file_is_checked(make, tmp_path, is_open):
    model, token_ids = make(), prompt(40)
    written = {
        p.name: p.read_bytes() for p in Warm(model, tmp_path).learn(prompt(40)).files
    }
    for file, content in written.items():
        places = {*range(0, min(len(content), 400), 7), *range(0, len(content), 997)}
        for place in sorted(places | {len(content) - 1}):
            for other, unchanged in written.items():
                (tmp_path / "model" / other).write_bytes(unchanged)
            warm = Warm(model, tmp_path) if is_open else None
            flip(tmp_path / "model" / file, place)

            cached = (warm or Warm(model, tmp_path)).size([*token_ids, 0])

            assert cached == 0, (file, place)
            assert not (tmp_path / "model" / file).exists()


@pytest.mark.parametrize("make", [tiny_llama, tiny_qwen3_5], ids=name)
def test_files_that_are_cut_off_anywhere_are_a_miss(make, tmp_path):
    model = make()
    written = {p: p.read_bytes() for p in Warm(model, tmp_path).learn(prompt(40)).files}
    for file, content in written.items():
        for size in {*range(0, 300, 11), *range(300, len(content), 499)}:
            for other, unchanged in written.items():
                other.write_bytes(unchanged)
            warm = Warm(model, tmp_path)
            os.truncate(file, min(size, len(content) - 1))

            assert warm.size([*prompt(40), 0]) == 0
            assert not file.exists()


def test_a_file_that_another_has_taken_the_place_of_is_a_miss(llama, tmp_path):
    warm = Warm(llama, tmp_path).learn(prompt(100)).learn(prompt(100, salt=1))
    again = warm.again()
    one, other = again.files
    content = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(content)

    assert again.size(prompt(100)) == again.size(prompt(100, salt=1)) == 0


def test_leftovers_of_dead_processes_are_removed(llama, tmp_path):
    warm = Warm(llama, tmp_path).learn(prompt(40))
    dead, alive = (
        tmp_path / "model" / f".{pid}.0.tmp" for pid in (2**22 + 1, os.getpid())
    )
    dead.write_bytes(b"half")
    alive.write_bytes(b"half")

    warm.again()

    assert not dead.exists()
    assert alive.exists()
