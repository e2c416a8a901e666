"""`pensieve models recommend`, on machines that are simulated."""

import json

import pytest
from click.testing import CliRunner
from models.test_recommending import mac

from pensieve.cli import main
from pensieve.cli.recommend import advice_in_words
from pensieve.models.known_models import KNOWN_MODELS


@pytest.fixture
def recommend(monkeypatch):
    """Return a function that runs the verb on a machine of so many GB."""

    def run(memory_gb, *words):
        machine = mac(memory_gb)
        monkeypatch.setattr("pensieve.cli.recommend.read_machine", lambda: machine)
        result = CliRunner().invoke(main, ["models", "recommend", *words])
        assert result.exit_code == 0, result.output
        return result.stdout

    return run


def test_the_best_that_fits_comes_first_with_the_command_that_pulls_it(recommend):
    first, *rows, last = recommend(48).splitlines()

    assert "a model may take 38.7 GB here (Metal)" in first
    best = rows[0].split("\t")[0]
    assert last == f"Fetch the first choice with: pensieve pull {best}"
    assert advice_in_words() == f"For this machine: pensieve pull {best}"
    assert all("too much" not in row for row in rows)


def test_all_of_them_are_shown_on_demand(recommend):
    said = recommend(16, "--all")

    for model in KNOWN_MODELS:
        assert f"{model.name}\t" in said
    assert "too much" in said


def test_where_none_fits_that_is_said(recommend):
    assert "No known coding model fits" in recommend(4)
    assert "recommend --all" in advice_in_words()


def test_as_json_it_says_what_is_estimated(recommend):
    found = json.loads(recommend(64, "--json"))

    assert found["machine"]["gpu_bytes"] == 48 << 30
    assert all(row["fits"] for row in found["models"])
    estimated = {row["name"]: row["estimated"] for row in found["models"]}
    for model in KNOWN_MODELS:
        if model.name in estimated:
            assert estimated[model.name] == list(model.estimated)
