"""What is drawn of a server's figures: all that fits, and nothing beyond."""

import io

import msgspec
import pytest
from cli.top.reports import report
from rich.console import Console

from pensieve.cli.top.frame import duration, frame, seconds
from pensieve.cli.top.reading import Reading


def drawn(found, width=80, height=24):
    """Return the lines of a frame."""
    out = io.StringIO()
    console = Console(
        file=out, width=width, height=height, markup=False, emoji=False, highlight=False
    )
    if not isinstance(found, Reading):
        found = Reading("http://127.0.0.1:7777", found, "")
    console.print(frame(found, height))
    return [line.rstrip() for line in out.getvalue().splitlines()]


def test_all_figures_are_there():
    lines = drawn(report())

    assert lines[:9] == [
        "server      http://127.0.0.1:7777, version 1.2.3, up 2.1 h",
        "model       smollm2: ready, 1 running, 2 waiting, 412 MB",
        "memory      caution, 1.9 GB free (machine)",
        "cache       memory 12.3 MB of 400 MB, 15 runs; disk off",
        "first token last 250 ms, median 250 ms, most 4.0 s; of 3 answers",
        "gaps        mean 30 ms, most 1.5 s; of 2 answers",
        "requests    12 answered, 3 failed, 1 left by their clients",
        "prompts     1000 tokens: 80% from memory, 5% from disk, 15% computed",
        "",
    ]
    running, row, blank, ended, ended_row = lines[9:]
    assert words(running) == "Running stage age prompt cached unread out tok/s"
    assert words(row) == "smollm2 decode 0 s 1200 1100 0 0 31.2"
    assert blank == ""
    assert words(ended) == "Ended outcome took prompt cached out first tok/s"
    # Behind the time of day:
    assert words(ended_row)[9:] == "smollm2 end_turn 4 s 1137 1100 90 250 ms 31.2"


def words(line):
    return " ".join(line.split())


@pytest.mark.parametrize(("width", "height"), [(80, 24), (60, 16), (200, 60)])
@pytest.mark.parametrize(
    ("num_running", "num_ended"), [(0, 0), (1, 50), (64, 50), (64, 0), (8, 3)]
)
def test_it_fits(width, height, num_running, num_ended):
    found = report(num_running, num_ended, model="org/a-model-of-a-rather-long-name")

    lines = drawn(found, width, height)

    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    rows = num_running + num_ended
    if rows > height:
        assert len(lines) >= height - 1
        assert num_running < 20 or any("more" in line for line in lines)


def test_names_of_clients_move_no_cursor():
    lines = drawn(report(model="a\x1b[2J\u202e\n"))

    assert "\x1b" not in "".join(lines)
    assert any(r"a\x1b[2J" in line for line in lines)


def test_without_figures_it_says_why():
    found = Reading("http://127.0.0.1:7777", None, "nothing answers")

    assert drawn(found) == [
        "server      http://127.0.0.1:7777",
        "            nothing answers; looking again",
    ]


def test_a_server_that_has_done_nothing_has_a_frame():
    found = msgspec.structs.replace(report(0, 0), first_tokens=[], gaps=[])

    lines = drawn(found)

    assert "nothing" in lines
    assert "nothing yet" in lines


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0849, "85 ms"), (3.21, "3.2 s")],
)
def test_seconds(value, shown):
    assert seconds(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(3.2, "3 s"), (119, "119 s"), (720, "12 min"), (18360, "5.1 h")],
)
def test_duration(value, shown):
    assert duration(value) == shown
