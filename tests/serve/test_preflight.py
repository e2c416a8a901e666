"""A model that can never be served is refused by each way to start a server."""

import json
import os
import shutil
import subprocess
import sys

import pytest
from serve.leftovers import check_nothing_is_left
from serve.pensieve_command import DEADLINE_S, Pensieve

pytestmark = pytest.mark.slow

HUGE_BYTES = 1 << 42
"""More than any machine's memory; the file is all hole."""


@pytest.fixture
def pensieve(own_home, tiny_model_path, tmp_path):
    """Return the command line for a model of 4 TB."""
    model = tmp_path / "huge"
    shutil.copytree(tiny_model_path, model)
    offsets = [0, HUGE_BYTES]
    tensor = {"dtype": "F32", "shape": [1 << 20, 1 << 20], "data_offsets": offsets}
    header = json.dumps({"model.embed_tokens.weight": tensor}).encode()
    weights = model / "model.safetensors"
    weights.write_bytes(len(header).to_bytes(8, "little") + header)
    os.truncate(weights, 8 + len(header) + HUGE_BYTES)
    return Pensieve(own_home, model)


def check_told(text):
    """See the reason in a line of its own."""
    lines = [line for line in text.splitlines() if "its weights take 4.4 TB" in line]
    assert lines
    assert all(" in all. " in line for line in lines)


def test_pensieve_start_refuses(pensieve):
    refused = pensieve("start")

    assert refused.returncode == 1
    check_told(refused.stderr)
    assert len(refused.stderr.splitlines()) == 1
    check_nothing_is_left(pensieve.home)


def test_plain_gunicorn_refuses_and_starts_no_engine(pensieve):
    words = ["-c", "python:pensieve.serve.settings", "pensieve.serve:app"]
    refused = subprocess.run(
        [sys.executable, "-m", "gunicorn", *words],
        env=pensieve.environment,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
    )

    assert refused.returncode == 3
    check_told(refused.stderr)
    assert "Traceback" not in refused.stderr
    assert not (pensieve.home / "logs").exists()
    assert pensieve("stop").returncode == 0
    check_nothing_is_left(pensieve.home)
