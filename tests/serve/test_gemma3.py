"""A K-quant file of another architecture, over real HTTP."""

import json
import urllib.request

import pytest
from serve.real_server import RealServer

pytestmark = pytest.mark.slow


CONVERSATION = [
    ("user", "What is the capital of Italy?"),
    ("assistant", "Rome."),
    ("user", "What is the capital of Spain?"),
    ("assistant", "Madrid."),
    ("user", "What is the capital of France?"),
]
"""A base model has to be shown what a conversation is."""


def test_gemma3_answers_from_its_q4_k_m_file(tmp_path, gemma3_path):
    body = {
        "model": "claude-any",
        "max_tokens": 12,
        "temperature": 0,
        "messages": [{"role": role, "content": text} for role, text in CONVERSATION],
    }
    with RealServer(tmp_path, gemma3_path) as server:
        request = urllib.request.Request(
            f"{server.base_url}/v1/messages",
            json.dumps(body).encode(),
            {"x-api-key": "pensieve-local-token"},
        )
        with urllib.request.urlopen(request) as answer:
            message = json.load(answer)

    assert "Paris" in message["content"][0]["text"]
