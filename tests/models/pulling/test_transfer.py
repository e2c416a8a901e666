"""One file from the hub: what an odd answer or an odd leftover does."""

import threading

import pytest
from huggingface_hub.utils import build_hf_headers

from pensieve.errors import ModelError
from pensieve.models.pulling import transfer
from pensieve.models.pulling.progress import Tally
from pensieve.models.pulling.transfer import RemoteFile, receive

CONTENT = bytes(range(256)) * 100


@pytest.fixture
def remote(hub):
    """Return a file that the hub has, of a size that the test may misstate."""
    hub.repositories["org/tiny"] = {"a.bin": CONTENT}

    def made(size_bytes=25_600, sha256=None):
        url = f"{hub.url}/org/tiny/resolve/main/a.bin"
        return RemoteFile("a.bin", url, size_bytes, sha256)

    return made


def received(file, target):
    reports = []
    receive(file, target, build_hf_headers(), Tally(file.size_bytes, reports.append))
    return reports


def test_the_bytes_are_in_a_part_until_all_are_there(remote, tmp_path):
    target = tmp_path / "a.bin"
    file = remote()
    there = []

    receive(
        file,
        target,
        build_hf_headers(),
        Tally(file.size_bytes, lambda progress: there.append(target.exists())),
    )

    assert not any(there)
    assert target.read_bytes() == CONTENT
    assert [path.name for path in tmp_path.iterdir()] == ["a.bin"]


def test_a_part_is_gone_on_with(remote, tmp_path, hub):
    (tmp_path / "a.bin.part").write_bytes(CONTENT[:10_001])

    reports = received(remote(), tmp_path / "a.bin")

    assert (tmp_path / "a.bin").read_bytes() == CONTENT
    assert hub.ranges("a.bin") == ["bytes=10001-"]
    assert reports[0].resumed_bytes == reports[-1].resumed_bytes == 10_001


def test_a_part_that_is_whole_needs_no_request(remote, tmp_path, hub):
    (tmp_path / "a.bin.part").write_bytes(CONTENT)

    received(remote(), tmp_path / "a.bin")

    assert (tmp_path / "a.bin").read_bytes() == CONTENT
    assert hub.requests == []


def test_a_part_longer_than_the_file_is_begun_anew(remote, tmp_path, hub):
    (tmp_path / "a.bin.part").write_bytes(CONTENT + b"more")

    reports = received(remote(), tmp_path / "a.bin")

    assert (tmp_path / "a.bin").read_bytes() == CONTENT
    assert hub.ranges("a.bin") == [None]
    assert reports[-1].done_bytes == len(CONTENT)


def test_a_line_that_falls_silent_is_taken_up_anew(remote, tmp_path, hub, monkeypatch):
    monkeypatch.setattr(transfer, "TIMEOUT_S", 0.2)
    hub.cuts, hub.goes_on = [10_001], threading.Event()

    received(remote(), tmp_path / "a.bin")

    assert (tmp_path / "a.bin").read_bytes() == CONTENT
    assert hub.ranges("a.bin") == [None, "bytes=10001-"]


def test_a_part_of_other_bytes_is_noticed_and_thrown_away(remote, tmp_path):
    (tmp_path / "a.bin.part").write_bytes(bytes(10_000))
    file = remote(sha256="0" * 64)

    with pytest.raises(ModelError, match="expected SHA-256 0000"):
        received(file, tmp_path / "a.bin")

    assert not (tmp_path / "a.bin").exists()
    assert (tmp_path / "a.bin.part").read_bytes() == b""


def test_a_body_longer_than_announced_is_refused(remote, tmp_path):
    with pytest.raises(ModelError, match="expected 100 bytes, got more"):
        received(remote(size_bytes=100), tmp_path / "a.bin")

    assert not (tmp_path / "a.bin").exists()
