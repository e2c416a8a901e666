"""`pensieve cache status` and `clear`."""

import json

from click.testing import CliRunner

from pensieve import places
from pensieve.cli import main


def run(*args, **environ):
    return CliRunner().invoke(main, ["cache", *args], env=environ)


def fill(nbytes=1500):
    folder = places.prefix_cache_dir() / "abc"
    folder.mkdir(parents=True)
    (folder / "name").write_text("SmolLM2.gguf")
    (folder / "0.kv").write_bytes(b"x" * nbytes)


def test_the_status_of_nothing_is_told():
    told = run("status")

    assert told.exit_code == 0
    assert "On disk: 0 bytes in 0 files" in told.output
    assert str(places.prefix_cache_dir()) in told.output


def test_the_status_names_models_and_sizes():
    fill()

    told = run("status", PENSIEVE_PREFIX_DISK_BYTES="5000000")

    assert "On disk: 1.5 kB in 1 files, of 5 MB" in told.output
    assert "SmolLM2.gguf: 1.5 kB in 1 files, last used" in told.output


def test_a_cache_that_is_switched_off_is_told():
    for off in ("PENSIEVE_PREFIX_DISK_BYTES", "PENSIEVE_PREFIX_CACHE_BYTES"):
        assert "none: it is switched off" in run("status", **{off: "0"}).output


def test_the_status_as_json():
    fill()

    told = json.loads(run("status", "--json").output)

    assert told["nbytes"] == told["models"][0]["nbytes"] == 1500
    assert told["budget_bytes"] > 0
    assert told["memory"] == {}


def test_clearing_removes_what_is_there():
    fill()

    told = run("clear")

    assert "Removed 1.5 kB" in told.output
    assert "0 files" in run("status").output
