"""What goes first, and that the budget is kept, over all models' files."""

import os

import pytest
from engine.prefix_cache.disk.tiers import Warm, prompt
from engine.tiny_models import tiny_llama

from pensieve import cache_folder
from pensieve.engine.prefix_cache.disk.room import make_room, touch

AGES = {"a.kv": 5, "head-b.kv": 9, "c.state": 3, "head-d.state": 1}


@pytest.fixture
def root(tmp_path):
    """Two folders with files of 100 bytes each, some seconds old."""
    for i, (name, age) in enumerate(AGES.items()):
        path = tmp_path / f"model{i % 2}" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x" * 100)
        os.utime(path, (10**9 - age, 10**9 - age))
    return tmp_path


def names(root) -> set[str]:
    return {each.path.name for each in cache_folder.entries(root)}


@pytest.mark.parametrize(
    ("budget", "left"),
    [
        (500, set(AGES)),
        (400, {"head-b.kv", "c.state", "head-d.state"}),  # the oldest but heads
        (300, {"c.state", "head-d.state"}),  # heads take more than half
        (100, set()),
    ],
)
def test_what_was_used_least_lately_goes_first_and_heads_last(root, budget, left):
    room = make_room(root, budget, 100, frozenset())

    assert names(root) == left
    assert room.total_bytes == 100 * len(left)
    assert {path.name for path in room.removed} == set(AGES) - left


def test_files_of_the_sequence_at_hand_stay(root):
    kept = frozenset({root / "model0" / "a.kv"})

    room = make_room(root, 200, 100, kept)

    assert names(root) == {"a.kv"}
    assert room.total_bytes == 100


def test_the_end_of_a_sequence_is_older_than_its_start(root):
    paths = [root / "model0" / "c.state", root / "model0" / "a.kv"]

    gone = touch([*paths, root / "gone.kv"])

    first, second = (path.stat().st_mtime_ns for path in paths)
    assert first > second > 10**18
    assert gone == [root / "gone.kv"]


def test_the_budget_is_kept_by_two_tiers_in_one_folder(tmp_path):
    model = tiny_llama()
    each = Warm(model, tmp_path / "other").learn(prompt(500)).disk.nbytes
    budget = int(3.5 * each)
    one = Warm(model, tmp_path, budget_bytes=budget)
    other = Warm(model, tmp_path, budget_bytes=budget)

    for salt in range(1, 9):
        (one, other)[salt % 2].learn(prompt(500, salt))
        total = sum(entry.nbytes for entry in cache_folder.entries(tmp_path))
        assert 0 < total <= budget

    again = Warm(model, tmp_path, budget_bytes=budget)
    assert again.size([*prompt(500, 8), 1]) == again.size([*prompt(500, 7), 1]) == 500
    assert again.size([*prompt(500, 1), 1]) == one.size([*prompt(500, 1), 1]) == 0


def test_the_head_is_the_last_to_go(tmp_path):
    model = tiny_llama()
    head = prompt(100, salt=99)
    warm = Warm(model, tmp_path / "other").learn([*head, *prompt(100)], head_size=100)
    budget = 3 * warm.disk.nbytes
    warm = Warm(model, tmp_path, budget_bytes=budget)
    warm.learn([*head, *prompt(100)], head_size=100)

    for salt in range(1, 9):
        warm.learn(prompt(150, salt))

    assert warm.again().size([*head, *prompt(100)]) == 100


def test_what_is_used_again_from_memory_is_not_the_next_to_go(tmp_path):
    model = tiny_llama()
    each = Warm(model, tmp_path / "other").learn(prompt(150)).disk.nbytes
    warm = Warm(model, tmp_path, budget_bytes=int(3.5 * each))

    for salt in range(1, 7):
        warm.learn(prompt(150, salt)).learn(prompt(150))

    assert warm.again().size([*prompt(150), 1]) == 150


def test_a_file_that_can_never_fit_is_not_written(tmp_path):
    warm = Warm(tiny_llama(), tmp_path, budget_bytes=1000).learn(prompt(100))

    assert warm.files == []
