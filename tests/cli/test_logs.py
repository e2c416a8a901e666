"""`pensieve logs`: last lines of several files, and lines that come over rotations."""

import os
import signal
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner

from pensieve import places
from pensieve.cli import main
from pensieve.log_file import Rotation, numbered, rotate
from pensieve.serve import pid_file
from pensieve.serve.log_tail import LogTail

PORT = 7777


@pytest.fixture
def log():
    """Return the path of the server's log, in a folder that is there."""
    places.private_dir(places.logs_dir())
    return places.server_log(PORT)


def logs(*words):
    result = CliRunner().invoke(main, ["logs", *words])
    return result.exit_code, result.output


def append(path, *lines):
    with path.open("a") as file:
        file.writelines(f"{line}\n" for line in lines)


def put_aside(path):
    rotate(path, Rotation(0, 9))


def test_the_last_lines_come_from_old_files_too(log):
    append(log, "a", "b")
    put_aside(log)
    append(log, "c", "d")
    put_aside(log)
    append(log, "e")

    assert logs("-n", "4") == (0, "b\nc\nd\ne\n")
    assert logs("-n", "1") == (0, "e\n")
    assert logs("-n", "0") == (0, "")
    assert logs() == (0, "a\nb\nc\nd\ne\n")


def test_lines_are_found_however_long_they_are(log):
    lines = [str(number) * 30_000 for number in range(9)]
    append(log, *lines)

    assert logs("-n", "3") == (0, "".join(f"{line}\n" for line in lines[-3:]))


def test_another_ports_and_the_engines_are_asked_for(log):
    append(places.server_log(1), "of port 1")
    append(places.engine_log(), "of an engine")

    assert logs("--port", "1") == (0, "of port 1\n")
    assert logs("--engine") == (0, "of an engine\n")


def test_where_there_is_none_that_is_said():
    status, said = logs()

    assert status == 1
    assert said.endswith(f"server-{PORT}.log: nothing was written there yet\n")


@pytest.mark.parametrize(
    ("is_managed", "where"), [(True, "journalctl --user"), (False, "in the terminal")]
)
def test_of_a_server_without_a_file_it_is_said_where_its_log_is(
    monkeypatch, is_managed, where
):
    monkeypatch.setattr(pid_file.Server, "is_running", lambda self: True)
    server = pid_file.Server(
        pid=1,
        started_at=0,
        port=PORT,
        host="",
        base_url="",
        model="",
        drain_timeout_s=1,
        log=None,
        flags={},
        is_managed=is_managed,
    )
    pid_file.write(server)

    status, said = logs()

    assert status == 1
    assert where in said


def new(tail):
    return b"".join(tail.new_lines()).decode().split()


def test_lines_are_followed_over_rotations_each_once(log):
    append(log, "a")
    with LogTail(log) as tail:
        assert tail.last_lines(9) == [b"a\n"]
        append(log, "b")
        put_aside(log)
        append(log, "c")
        assert new(tail) == ["b", "c"]
        append(log, "d")
        for word in ("e", "f", "g"):  # three at once
            put_aside(log)
            append(log, word)
        assert new(tail) == ["d", "e", "f", "g"]
        append(numbered(log, 1), "late")  # of a process that has yet to notice
        append(log, "h")
        assert new(tail) == ["late", "h"]
        assert new(tail) == []


def test_a_line_that_is_being_written_waits_for_its_end(log):
    append(log, "a")
    with log.open("a") as file, LogTail(log) as tail:
        file.write("b")
        file.flush()
        assert tail.last_lines(9) == [b"a\n"]
        assert new(tail) == []
        file.write("b\nc")
        file.flush()
        put_aside(log)
        append(log, "d")
        assert new(tail) == ["bb", "d"]


def test_a_file_cut_off_in_its_place_is_followed_from_its_beginning(log):
    append(log, "a", "b")
    with LogTail(log) as tail:
        tail.last_lines(0)
        os.truncate(log, 0)
        append(log, "c")
        assert new(tail) == ["c"]


def test_a_log_that_is_begun_later_is_followed_from_then(log):
    with LogTail(log) as tail:
        assert tail.last_lines(9) == []
        append(log, "a")
        assert new(tail) == ["a"]


def test_ctrl_c_ends_it_quietly(log):
    append(log, "first")
    following = subprocess.Popen(
        [sys.executable, "-m", "pensieve", "logs", "-f"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert following.stdout.readline() == "first\n"
    append(log, "second")
    assert following.stdout.readline() == "second\n"
    put_aside(log)
    append(log, "third")
    assert following.stdout.readline() == "third\n"
    time.sleep(0.3)  # into the waiting

    following.send_signal(signal.SIGINT)
    rest, errors = following.communicate(timeout=60)

    assert (following.returncode, rest, errors) == (0, "", "")
