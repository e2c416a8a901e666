"""Pulling from the hub: what is fetched, resumed, refused and left behind."""

import fcntl
import os
import shutil
from types import SimpleNamespace

import pytest

from pensieve import places
from pensieve.errors import ModelError
from pensieve.models import store
from pensieve.models.files import describe
from pensieve.models.pulling import transfer
from pensieve.models.pulling.pull import pull
from pensieve.models.staging import unfinished


def files_below(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


# ----- What is fetched -----


def test_a_folder_model_arrives_whole_and_describes_itself(hub, folder_files):
    hub.repositories["org/tiny"] = folder_files

    path = pull("org/tiny")

    assert path == places.models_dir() / "org/tiny"
    assert files_below(path) == folder_files
    assert store.resolve("org/tiny") == path
    description = describe(path, "org/tiny")
    assert (description.name, description.architecture) == ("org/tiny", "qwen3")


def test_what_is_pulled_is_for_this_user_only(hub, folder_files):
    hub.repositories["org/tiny"] = folder_files
    before = os.umask(0)
    try:
        pull("org/tiny")
    finally:
        os.umask(before)

    found = [places.models_dir(), *places.models_dir().rglob("*")]
    modes = {path.name: path.stat().st_mode for path in found}
    assert "config.json" in modes
    assert [name for name, mode in modes.items() if mode & 0o077] == []


def test_only_what_a_model_folder_needs_is_fetched(hub, folder_files):
    needed = folder_files | {
        "chat_template.jinja": b"{{ messages }}",
        "merges.txt": b"",
    }
    hub.repositories["org/tiny"] = needed | {
        "pytorch_model.bin": bytes(100),
        "consolidated.safetensors": bytes(100),
        "original/model.safetensors": bytes(100),
        "modeling_custom.py": b"raise SystemExit",
        "model-Q4_K_M.gguf": bytes(100),
        ".gitattributes": b"",
        "../../escaped.json": b"{}",
        "/escaped.json": b"{}",
    }

    path = pull("org/tiny")

    assert files_below(path) == needed
    assert not list(places.models_dir().parent.glob("**/escaped.json"))


def test_the_one_gguf_of_a_repository_needs_no_naming(hub, gguf_bytes):
    hub.repositories["org/tiny-GGUF"] = {
        "tiny-Q8_0.gguf": gguf_bytes,
        "mmproj-F16.gguf": bytes(100),
        "README.md": b"# tiny",
    }

    path = pull("org/tiny-GGUF")

    assert path == places.models_dir() / "org/tiny-GGUF/tiny-Q8_0.gguf"
    assert path.read_bytes() == gguf_bytes
    assert store.resolve("org/tiny-GGUF") == path
    assert store.resolve("org/tiny-GGUF:q8_0") == path
    assert [each.name for each in store.installed()] == ["org/tiny-GGUF:tiny-Q8_0.gguf"]


@pytest.mark.parametrize("choice", ["Q4_K_M", "q4_k_m", "b/tiny-Q4_K_M.gguf"])
def test_of_several_ggufs_one_is_chosen_by_name_or_part(hub, gguf_bytes, choice):
    names = ["tiny-Q4_K_S.gguf", "b/tiny-Q4_K_M.gguf", "tiny-Q4_K_M_L.gguf"]
    hub.repositories["org/tiny-GGUF"] = dict.fromkeys(names, gguf_bytes)

    path = pull(f"org/tiny-GGUF:{choice}")

    assert path == places.models_dir() / "org/tiny-GGUF/b/tiny-Q4_K_M.gguf"
    assert store.resolve(f"org/tiny-GGUF:{choice}") == path


def test_two_ggufs_of_a_repository_live_side_by_side(hub, gguf_bytes):
    names = ["tiny-Q4_0.gguf", "tiny-Q8_0.gguf"]
    hub.repositories["org/tiny-GGUF"] = dict.fromkeys(names, gguf_bytes)

    pull("org/tiny-GGUF:Q4_0")
    pull("org/tiny-GGUF:Q8_0")

    with pytest.raises(ModelError, match=r"expected the name of one model, got .*Q4_0"):
        store.resolve("org/tiny-GGUF")
    store.remove("org/tiny-GGUF:Q4_0")
    assert store.resolve("org/tiny-GGUF").name == "tiny-Q8_0.gguf"


def test_a_model_that_is_here_is_not_asked_for_again(hub, folder_files):
    hub.repositories["org/tiny"] = folder_files
    path = pull("org/tiny")
    hub.requests.clear()

    assert pull("org/tiny") == path
    assert hub.requests == []


def test_a_gated_repository_opens_to_its_token(hub, folder_files, monkeypatch):
    hub.repositories["org/gated"] = folder_files
    hub.gated.add("org/gated")
    monkeypatch.setenv("HF_TOKEN", hub.token)

    assert files_below(pull("org/gated")) == folder_files


def test_progress_counts_every_byte_once(hub, folder_files):
    hub.repositories["org/tiny"] = folder_files
    hub.cuts = [1000, 100_000]
    reports = []

    pull("org/tiny", reports.append)

    size = sum(map(len, folder_files.values()))
    done = [report.done_bytes for report in reports]
    assert done == sorted(done)
    assert done[-1] == size
    assert {report.total_bytes for report in reports} == {size}
    assert {report.resumed_bytes for report in reports} == {0}


def test_all_files_of_a_gguf_that_is_split_are_fetched_and_removed(hub, split_bytes):
    files = {f"Q4_0/{name}": content for name, content in split_bytes.items()}
    hub.repositories["org/big-GGUF"] = files | {"tiny-Q8_0.gguf": bytes(100)}

    path = pull("org/big-GGUF:Q4_0")

    folder = places.models_dir() / "org/big-GGUF"
    assert path == folder / "Q4_0/big-00001-of-00002.gguf"
    assert files_below(folder) == files
    assert store.resolve("org/big-GGUF:Q4_0") == path
    assert describe(path).size_bytes == sum(map(len, files.values()))
    assert [each.name for each in store.installed()] == [
        "org/big-GGUF:Q4_0/big-00001-of-00002.gguf"
    ]
    store.remove("org/big-GGUF")
    assert not folder.exists()


def test_the_one_gguf_of_a_repository_may_be_in_parts(hub, split_bytes):
    hub.repositories["org/big-GGUF"] = split_bytes

    assert pull("org/big-GGUF").name == "big-00001-of-00002.gguf"


# ----- Broken lines -----


@pytest.mark.parametrize("resets", [False, True], ids=["closed", "reset"])
def test_a_line_that_breaks_in_a_body_is_taken_up_where_it_broke(
    hub, folder_files, resets
):
    hub.repositories["org/tiny"] = folder_files
    hub.cuts, hub.resets = [70_000, 130_000, 0], resets

    path = pull("org/tiny")

    assert files_below(path) == folder_files
    first, *later = hub.ranges("model.safetensors")
    assert first is None
    starts = [int(asked.removeprefix("bytes=").removesuffix("-")) for asked in later]
    assert starts == sorted(starts)
    assert starts[-1] > 0
    if not resets:  # a reset may throw away what has come but was not read yet
        assert starts == [70_000, 200_000, 200_000]


def test_a_busy_hub_is_asked_again(hub, folder_files):
    hub.repositories["org/tiny"] = folder_files
    hub.busy = 3

    assert files_below(pull("org/tiny")) == folder_files


def test_a_hub_without_ranges_is_taken_from_the_start_again(hub, folder_files):
    hub.repositories["org/tiny"] = folder_files
    hub.cuts, hub.ignores_ranges = [150_000], True
    reports = []

    path = pull("org/tiny", reports.append)

    assert files_below(path) == folder_files
    assert reports[-1].done_bytes == reports[-1].total_bytes


def test_a_pull_that_is_broken_off_leaves_no_model_and_goes_on_later(hub, folder_files):
    hub.repositories["org/tiny"] = folder_files
    hub.cuts = [200_000, 0, 0, 0]

    with pytest.raises(ModelError, match=r"org/tiny: http://.* cannot be reached: "):
        pull("org/tiny")
    assert store.installed() == []
    with pytest.raises(ModelError, match="`pensieve pull org/tiny` fetches it"):
        store.resolve("org/tiny")
    assert unfinished()["org/tiny"] >= 200_000

    hub.requests.clear()
    reports = []
    path = pull("org/tiny", reports.append)

    assert files_below(path) == folder_files
    assert hub.ranges("model.safetensors") == ["bytes=200000-"]
    assert reports[-1].resumed_bytes >= 200_000
    assert reports[-1].done_bytes == reports[-1].total_bytes
    assert unfinished() == {}


def test_an_interrupt_keeps_what_has_come(hub, folder_files):
    hub.repositories["org/tiny"] = folder_files

    def interrupt(progress):
        if progress.done_bytes > 100_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull("org/tiny", interrupt)
    assert store.installed() == []

    assert files_below(pull("org/tiny")) == folder_files
    assert hub.ranges("model.safetensors")[-1].startswith("bytes=")


def test_a_newer_commit_starts_anew(hub, folder_files):
    hub.repositories["org/tiny"] = folder_files
    hub.cuts = [200_000, 0, 0, 0]
    with pytest.raises(ModelError):
        pull("org/tiny")

    newer = folder_files | {"model.safetensors": bytes(50_000)}
    hub.repositories["org/tiny"] = newer
    hub.requests.clear()
    hub.cuts = []

    assert files_below(pull("org/tiny")) == newer
    assert hub.ranges("model.safetensors") == [None]


def test_damaged_bytes_are_noticed_and_not_kept(hub, folder_files):
    hub.repositories["org/tiny"] = folder_files
    hub.damages_large_files = True

    with pytest.raises(ModelError, match=r"model\.safetensors: expected SHA-256 "):
        pull("org/tiny")

    assert store.installed() == []
    hub.damages_large_files = False
    assert files_below(pull("org/tiny")) == folder_files


# ----- The disk -----


def test_too_little_room_is_said_before_any_download(hub, folder_files, monkeypatch):
    hub.repositories["org/tiny"] = folder_files
    usage = SimpleNamespace(free=100_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)

    with pytest.raises(ModelError, match="300 kB of room for org/tiny, got 100 kB"):
        pull("org/tiny")

    assert hub.ranges("model.safetensors") == []


def test_a_models_folder_that_cannot_be_made_is_said_in_a_sentence(hub, folder_files):
    hub.repositories["org/tiny"] = folder_files
    places.models_dir().write_text("in the way")

    with pytest.raises(ModelError, match=f"{places.models_dir()}.*: Not a directory"):
        pull("org/tiny")


def test_a_full_disk_is_said_and_what_was_written_is_resumed(
    hub, folder_files, monkeypatch
):
    hub.repositories["org/tiny"] = folder_files

    def fail(descriptor):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(transfer.os, "fsync", fail)
        with pytest.raises(ModelError, match=r"models: No space left on device"):
            pull("org/tiny")
    assert store.installed() == []

    assert files_below(pull("org/tiny")) == folder_files


def test_a_model_that_another_process_pulls_is_left_to_it(hub, folder_files):
    hub.repositories["org/tiny"] = folder_files
    folder = places.models_dir() / ".incoming" / "org%2Ftiny"
    folder.mkdir(parents=True)
    other = os.open(folder, os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    try:
        with pytest.raises(ModelError, match="org/tiny: another process is pulling it"):
            pull("org/tiny")
    finally:
        os.close(other)
