"""A log that is rotated while several processes write it."""

import collections
import logging
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from pensieve.config.schema import Settings
from pensieve.config.written import variable_name
from pensieve.log_file import (
    LogFile,
    Rotation,
    is_open_as,
    is_written_by,
    numbered,
    rotate,
)

WRITER = """
import logging, os, sys
from pathlib import Path
from pensieve.log_file import LogFile, Rotation
name, count, path, max_bytes, files = sys.argv[1:]
handler = LogFile(Path(path), Rotation(int(max_bytes), int(files)))
log = logging.getLogger("test")
log.addHandler(handler)
if name == "forked":
    name = "parent" if os.fork() else "child"
for number in range(int(count)):
    log.warning("%s %d %s", name, number, "x" * (number % 97))
    if number % 10 == 0:
        os.write(2, f"{name} native {number}\\n".encode())
if name == "parent":
    os.wait()
"""


def writer(path, name, count, max_bytes, files):
    """Start a process whose output is the log, as a server's or an engine's is."""
    words = [sys.executable, "-c", WRITER, name, count, path, max_bytes, files]
    with path.open("ab") as log:
        return subprocess.Popen([str(word) for word in words], stdout=log, stderr=log)


def files_of(path):
    """Return the log and those before it, as far as they are there."""
    return [each for n in range(1000) if (each := numbered(path, n)).exists()]


def test_no_line_is_lost_or_torn_whoever_writes_and_whoever_rotates(tmp_path):
    path = tmp_path / "a.log"
    processes = [writer(path, name, 400, 4096, 999) for name in ("one", "two")]
    processes.append(writer(path, "forked", 400, 4096, 999))
    assert [each.wait() for each in processes] == [0, 0, 0]

    lines = "".join(each.read_text() for each in files_of(path)).splitlines()
    names = ("one", "two", "parent", "child")
    logged = [f"{n} {i} {'x' * (i % 97)}" for n in names for i in range(400)]
    native = [f"{n} native {i}" for n in names for i in range(0, 400, 10)]
    assert collections.Counter(lines) == collections.Counter(logged + native)
    assert len(files_of(path)) > 10


def test_files_are_private_small_and_as_many_as_are_kept(tmp_path):
    path = tmp_path / "a.log"
    path.touch(0o666)
    path.chmod(0o666)
    assert writer(path, "one", 900, 4096, 2).wait() == 0

    assert files_of(path) == [path, numbered(path, 1), numbered(path, 2)]
    for each in files_of(path):
        status = each.stat()
        assert stat.S_IMODE(status.st_mode) == 0o600
        assert status.st_size <= 4096 + len("one native 890\n")
    assert path.read_text().splitlines()[-1].startswith("one 899 ")


@pytest.fixture
def log(tmp_path):
    """Return a path and a logger whose handler has that file as descriptor 2."""
    path = tmp_path / "a.log"
    saved = os.dup(2)
    with path.open("ab") as file:
        os.dup2(file.fileno(), 2)
    handler = LogFile(path, Rotation(4096, 2))
    logger = logging.Logger("test")
    logger.addHandler(handler)
    try:
        yield path, logger, handler
    finally:
        os.dup2(saved, 2)
        os.close(saved)


def test_a_file_that_others_move_away_is_followed_by_a_new_one(log):
    path, logger, _ = log
    logger.info("before")
    path.rename(path.with_name("moved"))

    logger.info("after")

    assert path.with_name("moved").read_text() == "before\n"
    assert path.read_text() == "after\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_is_opened_anew_on_demand(log):
    path, _, handler = log
    path.rename(path.with_name("moved"))

    handler.reopen()
    os.write(2, b"native\n")

    assert path.read_text() == "native\n"


def test_a_line_longer_than_a_file_is_written_whole(log):
    path, logger, _ = log
    logger.info("x" * 10_000)
    logger.info("y")

    assert numbered(path, 1).read_text() == "x" * 10_000 + "\n"
    assert path.read_text() == "y\n"


def test_a_line_is_written_where_the_folder_takes_no_new_file(log, monkeypatch):
    path, logger, _ = log
    logger.info("x" * 4000)

    def refuse(self, target):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "replace", refuse)
    logger.info("y" * 200)

    assert path.read_text() == "x" * 4000 + "\n" + "y" * 200 + "\n"


def test_what_cannot_be_encoded_is_written_escaped(log):
    path, logger, _ = log
    logger.info("a \udcff b")

    assert path.read_text() == "a \\udcff b\n"


def test_fewer_files_from_now_on_are_fewer_files_at_the_next_rotation(tmp_path):
    path = tmp_path / "a.log"
    for number in range(5):
        numbered(path, number).write_text(f"{number}\n")

    rotate(path, Rotation(1, 2))

    assert files_of(path) == [numbered(path, 1), numbered(path, 2)]
    assert numbered(path, 1).read_text() == "0\n"
    assert numbered(path, 2).read_text() == "1\n"


def test_a_file_that_is_not_full_is_not_rotated(tmp_path):
    path = tmp_path / "a.log"
    path.write_text("0\n")

    rotate(path, Rotation(4096, 2))

    assert files_of(path) == [path]


def test_the_engine_is_told_by_the_variables_of_the_settings():
    rotation = Settings(log_max_bytes=5000, log_files=7).log_rotation
    environment = rotation.as_environment()

    names = ("log_max_bytes", "log_files")
    assert list(environment) == [variable_name(name) for name in names]
    assert Rotation.of_environment(environment) == rotation == (5000, 7)
    assert Rotation.of_environment({}) == Settings().log_rotation


def test_a_log_is_known_as_such_after_it_was_rotated(tmp_path):
    path = tmp_path / "a.log"
    with path.open("ab") as file:
        assert is_written_by(file.fileno(), path)
        path.rename(numbered(path, 2))
        assert not is_written_by(file.fileno(), path)  # there is no first one
        numbered(path, 1).touch()
        assert is_written_by(file.fileno(), path)


def test_a_descriptor_is_told_from_another_file_and_from_none(tmp_path):
    path = tmp_path / "a.log"
    with path.open("ab") as file:
        assert is_open_as(file.fileno(), path)
        path.rename(tmp_path / "b.log")
        assert not is_open_as(file.fileno(), path)
        path.touch()
        assert not is_open_as(file.fileno(), path)
