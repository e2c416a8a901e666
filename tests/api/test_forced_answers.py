"""Forced calls and JSON answers of a real model, at temperature 1, obey their schemas.

SmolLM2 neither knows tools nor heeds schemas, so it is the grammar alone that is at
work. `make forced-answers` runs 300; an answer that is cut short is a failure too.
"""

import json
import os
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import jsonschema
import pytest
from reference.random_schemas import random_schema
from serve.real_server import RealServer

pytestmark = pytest.mark.slow

NUM_RUNS = int(os.environ.get("PENSIEVE_FORCED_ANSWERS", "8"))
NUM_AT_ONCE = 10


@pytest.fixture(scope="module")
def server(tmp_path_factory, smollm2_path):
    home = tmp_path_factory.mktemp("home")
    with RealServer(home, smollm2_path) as server:
        yield server


def ask(server, **changes):
    body = {
        "model": "claude-any",
        "max_tokens": 4000,
        "temperature": 1,
        "messages": [{"role": "user", "content": "Describe something imaginary."}],
        **changes,
    }
    request = urllib.request.Request(
        f"{server.base_url}/v1/messages",
        json.dumps(body).encode(),
        {"x-api-key": "pensieve-local-token"},
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def forced_input(server, schema):
    """Return the input of the one call that the model is made to make."""
    tool = {"name": "record", "description": "Records it.", "input_schema": schema}
    message = ask(server, tools=[tool], tool_choice={"type": "tool", "name": "record"})
    [block] = message["content"]
    assert message["stop_reason"] == "tool_use", message
    assert block["name"] == "record"
    return block["input"]


def json_answer(server, schema):
    """Return the JSON that the model is made to answer with."""
    output_format = {"type": "json_schema", "schema": schema}
    message = ask(server, output_config={"format": output_format})
    [block] = message["content"]
    assert message["stop_reason"] == "end_turn", message
    return json.loads(block["text"])


def failure_of(server, seed):
    """Return what is wrong with one answer; None: nothing."""
    schema = random_schema(seed, depth=1)
    get = forced_input if seed % 2 else json_answer
    try:
        jsonschema.validate(
            get(server, schema), schema, jsonschema.Draft202012Validator
        )
    except (AssertionError, ValueError, OSError, jsonschema.ValidationError) as error:
        return f"seed {seed}: {type(error).__name__}: {error}"
    return None


def test_forced_answers_obey_their_schemas(server):
    with ThreadPoolExecutor(NUM_AT_ONCE) as threads:
        failures = threads.map(lambda seed: failure_of(server, seed), range(NUM_RUNS))

        assert [failure for failure in failures if failure] == []
