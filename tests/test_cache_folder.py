"""The cache's folder by its names: what is there, and clearing it."""

import os

from pensieve import cache_folder


def make(root, model, name, size, age=0):
    path = root / model / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    os.utime(path, (10**9 - age, 10**9 - age))
    return path


def test_files_are_summed_up_by_model_the_last_used_first(tmp_path):
    make(tmp_path, "m1", "a.kv", 10, age=5)
    make(tmp_path, "m1", "head-b.state", 20, age=9)
    make(tmp_path, "m1", "name", 3)
    (tmp_path / "m1" / "name").write_text("SmolLM2.gguf\n")
    make(tmp_path, "m2", "c.kv", 5)
    make(tmp_path, "m2", ".1.0.tmp", 500)
    make(tmp_path, "m3", "notes.txt", 7)
    (tmp_path / "secret").write_bytes(b"x" * 32)

    uses = cache_folder.usage(tmp_path)

    assert [(use.name, use.nbytes, use.num_files) for use in uses] == [
        ("m2", 5, 1),
        ("SmolLM2.gguf", 30, 2),
    ]
    assert uses[1].last_used_ns == (10**9 - 5) * 10**9


def test_clearing_leaves_the_secret_and_what_is_not_the_caches(tmp_path):
    make(tmp_path, "m1", "a.kv", 10)
    make(tmp_path, "m2", "b.state", 7)
    notes = make(tmp_path, "m2", "notes.txt", 7)
    (tmp_path / "secret").write_bytes(b"x" * 32)

    assert cache_folder.clear(tmp_path) == 17

    assert cache_folder.entries(tmp_path) == []
    assert notes.exists()
    assert (tmp_path / "secret").exists()


def test_a_folder_that_is_not_there_is_empty(tmp_path):
    nowhere = tmp_path / "no" / "where"

    assert cache_folder.usage(nowhere) == []
    assert cache_folder.clear(nowhere) == 0
    assert cache_folder.default_budget_bytes(nowhere) > 0


def test_links_are_not_followed(tmp_path):
    outside = make(tmp_path, "outside", "a.kv", 10)
    root = tmp_path / "root"
    root.mkdir()
    (root / "m1").symlink_to(outside.parent)

    assert cache_folder.clear(root) == 0
    assert outside.exists()


def test_the_default_is_a_tenth_of_what_is_free_at_most_20_gb(tmp_path, monkeypatch):
    class Status:
        f_frsize, f_bavail = 4096, 0

    monkeypatch.setattr(os, "statvfs", lambda path: Status)
    make(tmp_path, "m1", "a.kv", 1000)
    assert cache_folder.default_budget_bytes(tmp_path) == 100

    Status.f_bavail = 10**12
    assert cache_folder.default_budget_bytes(tmp_path) == 20 * 10**9
