"""`pensieve pull`, `list`, `rm` as a person meets them, on a terminal and off it."""

import json
import os
import signal
import subprocess
import sys
import threading

import pytest
from click.testing import CliRunner
from reference.hub import StandInHub
from reference.small_gguf import write_gguf

from pensieve import places
from pensieve.cli.models import list_models, pull, rm
from pensieve.errors import ModelError
from pensieve.models.sizes import size_text


@pytest.fixture
def path(tmp_path):
    return write_gguf(tmp_path / "mine.gguf")


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """Start a hub with org/tiny, which is 200 kB of GGUF."""
    stand_in = StandInHub()
    made = write_gguf(tmp_path / "made.gguf", general__description="x" * 200_000)
    stand_in.repositories["org/tiny"] = {"tiny.gguf": made.read_bytes()}
    monkeypatch.setenv("HF_ENDPOINT", stand_in.url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield stand_in
    stand_in.close()


def run(command, *arguments):
    return CliRunner().invoke(command, arguments, catch_exceptions=False)


def run_on_terminal(verb, *arguments):
    """Run a verb in a process that writes to a terminal; return what it wrote."""
    ours, theirs = os.openpty()
    code = f"from pensieve.cli.models import {verb}; {verb}()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        env=os.environ | {"TERM": "xterm-256color", "COLUMNS": "120"},
    )
    os.close(theirs)
    shown = b""
    while piece := read(ours):
        shown += piece
    os.close(ours)
    assert process.wait() == 0, shown.decode()
    return shown.decode()


def read(terminal):
    try:
        return os.read(terminal, 4096)
    except OSError:  # how Linux says that nobody is at the other end any more
        return b""


def test_pull_says_what_came_and_then_that_it_is_here(path):
    first = run(pull, str(path))
    second = run(pull, "mine")

    size = size_text(path.stat().st_size)
    assert first.stdout == f"Pulled mine: llama, {size}, at {path}\n"
    assert second.stdout == f"mine is here already: {path}\n"
    assert first.exit_code == second.exit_code == 0


def test_pull_of_nothing_is_a_model_error():
    with pytest.raises(ModelError, match="expected an alias"):
        run(pull, "nonsense")


def test_pull_s_help_says_what_a_name_may_be():
    assert (
        "org/repo:Q4_K_M: of one with several GGUF files" in run(pull, "--help").stdout
    )


def test_an_empty_list_says_what_to_do():
    assert "`pensieve pull smollm2`" in run(list_models).stdout


def test_list_away_from_a_terminal_is_tabs(path):
    run(pull, str(path))

    name, form, architecture, size, context = run(list_models).stdout.split("\t")

    assert (name, form, architecture) == ("mine", "gguf", "llama")
    assert size.endswith(" kB")
    assert context == "128 tokens\n"


def test_list_as_json_has_the_facts(path):
    run(pull, str(path))

    assert json.loads(run(list_models, "--json").stdout) == [
        {
            "name": "mine",
            "path": str(path),
            "format": "gguf",
            "architecture": "llama",
            "context_length": 128,
            "size_bytes": path.stat().st_size,
        }
    ]


def test_an_empty_list_as_json_is_an_empty_array():
    assert json.loads(run(list_models, "--json").stdout) == []


def test_a_model_that_is_gone_is_listed_with_its_problem(path):
    run(pull, str(path))
    path.unlink()

    assert "expected a .gguf file or a folder" in run(list_models).stdout
    [row] = json.loads(run(list_models, "--json").stdout)
    assert row["name"] == "mine"
    assert str(path) in row["problem"]


def test_rm_says_what_it_removed(path):
    run(pull, str(path))

    assert run(rm, "mine").stdout == "Removed mine\n"
    assert list(places.models_dir().rglob("*.json")) == []
    with pytest.raises(ModelError, match=r"'mine': expected a model that is here"):
        run(rm, "mine")


# ----- Progress -----


def test_pull_away_from_a_terminal_says_each_step_once(hub):
    result = run(pull, "org/tiny")

    assert result.stderr == "tiny.gguf\n"
    assert result.stdout.startswith("Pulled org/tiny:tiny.gguf: llama, 20")


def test_pull_on_a_terminal_shows_bytes_and_what_was_resumed(hub):
    part = places.models_dir() / ".incoming/org%2Ftiny%3Atiny.gguf"
    part = part / hub.commit("org/tiny") / "org/tiny/tiny.gguf.part"
    part.parent.mkdir(parents=True)
    content = hub.repositories["org/tiny"]["tiny.gguf"]
    part.write_bytes(content[:50_000])

    shown = run_on_terminal("pull", "org/tiny")

    assert "tiny.gguf (50 kB resumed)" in shown
    assert f"{len(content) / 1000:.1f}/{len(content) / 1000:.1f} kB" in shown
    assert hub.ranges("tiny.gguf") == ["bytes=50000-"]


def test_an_interrupted_pull_goes_on_later(hub):
    content = hub.repositories["org/tiny"]["tiny.gguf"]
    hub.cuts, hub.goes_on = [150_000], threading.Event()
    process = subprocess.Popen(
        [sys.executable, "-m", "pensieve", "pull", "org/tiny"],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr.readline() == "tiny.gguf\n"
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()

    assert process.returncode == 130
    assert said == (
        "What has come is kept; `pensieve pull org/tiny` goes on from there.\n"
        "Interrupted.\n"
    )
    listed = run(list_models)
    assert listed.stdout.startswith("No models yet")
    assert listed.stderr.startswith("org/tiny:tiny.gguf: ")
    assert listed.stderr.endswith(
        " so far; `pensieve pull` goes on with it, `pensieve rm` removes it\n"
    )
    hub.goes_on.set()
    assert run(pull, "org/tiny").exit_code == 0
    [model] = places.models_dir().rglob("*.gguf")
    assert model.read_bytes() == content


def test_list_on_a_terminal_is_a_table_whatever_the_names_hold(tmp_path):
    run(pull, str(write_gguf(tmp_path / "a[red]b :smile:.gguf")))

    shown = run_on_terminal("list_models")

    assert "Architecture" in shown
    assert "a[red]b :smile:" in shown
