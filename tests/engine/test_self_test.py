"""`python -m pensieve.engine.self_test`, as `pensieve doctor` runs it."""

import json
import logging
import subprocess
import sys

import pytest

from pensieve.engine import self_test


def test_it_prints_what_mlx_runs_on():
    command = [sys.executable, "-P", "-m", "pensieve.engine.self_test"]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(ran.stdout)

    assert found["mlx"].startswith("0.32.")
    assert found["device"].split(":")[0] in ("CPU", "Metal", "CUDA")
    assert found["sampler"]
    assert found["problems"] == []


def test_a_sampler_that_is_switched_off_is_told(monkeypatch, capsys):
    def draws_wrongly(*args):
        logging.getLogger("pensieve.engine.sampling").warning("it draws %s", "wrongly")
        return chosen(*args)

    chosen = self_test.best_sampler
    monkeypatch.setattr(self_test, "best_sampler", draws_wrongly)
    assert self_test.main() == 0

    assert json.loads(capsys.readouterr().out)["problems"] == ["it draws wrongly"]


@pytest.fixture(autouse=True)
def no_handler_is_left():
    before = list(logging.getLogger("pensieve").handlers)
    yield
    logging.getLogger("pensieve").handlers = before
