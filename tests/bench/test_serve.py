"""Whole servers: the tests' tiny model behind Pensieve, and behind mlx-lm's own."""

import json

import pytest
from click.testing import CliRunner
from pensieve.bench.cli import main
from serve.real_server import RealServer

pytestmark = pytest.mark.slow

BRIEF = ("--rounds", "1", "--prompt", "100", "--tokens", "8")


def run(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


def outcomes_of(told):
    assert told.exit_code == 0, told.output
    return json.loads(told.stdout.splitlines()[-1])["figures"]["outcomes"]


@pytest.fixture(scope="module")
def server(tmp_path_factory, tiny_model_path):
    with RealServer(tmp_path_factory.mktemp("served"), tiny_model_path) as server:
        yield server


@pytest.fixture
def trace_path(tmp_path):
    requests = [
        {"t": i, "out": 4, "hash_ids": [*range(8), *range(8, 9 + 4 * i)]}
        for i in range(3)
    ]
    head = {"block_size": 64, "tool_tokens": 256, "system_tokens": 128}
    path = tmp_path / "trace.json"
    path.write_text(json.dumps(head | {"requests": requests}))
    return path


def test_a_running_server_is_measured(server, trace_path, tmp_path):
    told = run(
        *("serve", "--url", server.base_url, "--model", "claude-tiny", *BRIEF),
        *("--streams", "1,2", "--trace", trace_path, "--trace-divide", "4"),
        *("--report", tmp_path / "report.md"),
    )

    found = outcomes_of(told)
    assert {"first_token.cold", "first_token.warm", "gap.median"} <= found.keys()
    assert {"whole.1", "whole.2", "trace.total"} <= found.keys()
    assert "first_token.restarted" not in found  # not this run's to end
    for each in found.values():
        for spread in each["spreads"].values():
            assert spread["median"] > 0
    # The second and third request find what they have in common with the one before.
    assert found["trace.cached"]["spreads"]["given"]["median"] > 40
    assert "| first_token.cold | given |" in (tmp_path / "report.md").read_text()


def test_a_wrong_key_is_told_in_a_sentence(tmp_path, tiny_model_path):
    with RealServer(
        tmp_path, tiny_model_path, api_key="a-key-of-32-characters-or-so-x"
    ) as ours:
        told = run("serve", "--url", ours.base_url, *BRIEF)

    assert told.exit_code == 1
    assert "answered 401" in told.stderr


def test_pensieve_is_started_and_a_rival_beside_it_and_both_are_ended(tiny_model_path):
    told = run(
        *("serve", "first_token", "--model", tiny_model_path, *BRIEF),
        *("--rival", "mlx_lm.server"),
    )

    found = outcomes_of(told)
    assert found.keys() == {
        *("first_token.cold", "first_token.warm", "first_token.restarted")
    }
    for each in found.values():
        assert [*each["spreads"]] == ["pensieve", "mlx_lm.server"]
        assert each["ratio"]["median"] > 0


def test_a_rival_that_is_not_there_is_told_before_anything_starts(tiny_model_path):
    told = run(
        *("serve", "--model", tiny_model_path, "--rival", "/no/such/server {port}")
    )

    assert told.exit_code == 1
    assert "not installed here: server" in told.stderr
    assert "starting" not in told.stderr


def test_a_rival_that_ends_at_once_is_told_with_its_last_words(tiny_model_path):
    words = "python3 -c 'import sys; sys.exit(\"{port} is no good\")'"

    told = run("serve", "--model", tiny_model_path, *BRIEF, "--rival", words)

    assert told.exit_code == 1
    assert "is no good" in told.stderr


def test_a_machine_that_is_no_mac_says_so_and_is_measured(tiny_model_path, tmp_path):
    report = tmp_path / "mac.md"

    told = run(
        *("mac", "--model", tiny_model_path, "--lengths", "64", "--tokens", "16"),
        *("--rounds", "1", "--skip-kernels", "--report", report),
    )

    found = outcomes_of(told)
    assert {"prefill.64", "decode.64", "first_token_warm.64"} <= found.keys()
    assert [*found["prefill.64"]["spreads"]] == ["pensieve", "mlx-lm"]
    text = report.read_text()
    assert "is not checked: this is no Mac" in text
    assert "| hardware | x86_64, no Mac |" in text
    assert "| prefill.64 | pensieve |" in text
