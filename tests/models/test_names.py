"""Names as people type them; names from repositories, which nobody trusts."""

from pathlib import Path

import pytest

from pensieve.models.names import (
    Repository,
    is_safe_file,
    local_path,
    matching_ggufs,
    parse_repository,
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mlx-community/Qwen3-4B-4bit", Repository("mlx-community/Qwen3-4B-4bit")),
        ("org/repo:Q4_K_M", Repository("org/repo", "Q4_K_M")),
        ("org/repo:a/b.gguf", Repository("org/repo", "a/b.gguf")),
        ("smollm2", None),
        ("a/b/c", None),
        ("org/", None),
        ("org/repo:", None),
        ("../repo", None),
        ("org/..", None),
        ("org/.repo", None),
        ("/org/repo", None),
        ("org/re po", None),
        ("org/repo\n", None),
        ("org/" + "x" * 97, None),
        ("", None),
    ],
)
def test_a_repository_is_org_and_name_and_perhaps_a_file(name, expected):
    assert parse_repository(name) == expected


@pytest.mark.parametrize("name", ["a.gguf", "a/b-1.json", "_a b.txt", "a..b"])
def test_a_file_below_its_folder_is_safe(name):
    assert is_safe_file(name)


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../a", "a/../b", "/a", "a//b", "a/", ".a", "a/.b", "a\\b", "a\0"],
)
def test_a_file_that_may_leave_its_folder_is_not_safe(name):
    assert not is_safe_file(name)


FILES = [
    "m-Q4_K_M.gguf",
    "m-Q4_K_S.gguf",
    "m.Q8_0.gguf",
    "big/m-BF16-00001-of-00002.gguf",
    "mmproj-m-Q8_0.gguf",
    "Q8_0.txt",
]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("Q4_K_M", ["m-Q4_K_M.gguf"]),
        ("q4_k_s", ["m-Q4_K_S.gguf"]),
        ("Q4_K", []),
        ("Q8_0", ["m.Q8_0.gguf"]),
        ("BF16", ["big/m-BF16-00001-of-00002.gguf"]),
        ("m-Q4_K_M.gguf", ["m-Q4_K_M.gguf"]),
        ("m", sorted(file for file in FILES[:4])),
        (".*", []),
        (None, sorted(FILES[:4])),
    ],
)
def test_a_gguf_is_chosen_by_its_name_or_a_part_between_separators(choice, expected):
    assert matching_ggufs(FILES, choice) == expected


def test_a_local_path_is_absolute_and_has_no_dots(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/somebody")

    assert local_path("a/../b.gguf") == tmp_path / "b.gguf"
    assert local_path("~/b.gguf") == Path("/home/somebody/b.gguf")
    assert local_path("~no-such-user/b").name == "b"
