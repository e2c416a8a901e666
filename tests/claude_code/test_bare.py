"""Claude Code's short form, whose prompt fits into SmolLM2's window."""

import json

import pytest

pytestmark = pytest.mark.slow

QUESTION = "What is the capital of France?"
"""SmolLM2 answers it in a sentence; many others it answers until it is stopped."""


def test_a_question_is_answered_in_text(claude):
    run = claude(
        *["--bare", "-p", QUESTION],
        ANTHROPIC_API_KEY="pensieve-local-token",
    )

    assert run.returncode == 0, run.stderr + run.stdout
    assert "Paris" in run.stdout


def test_the_result_says_success_and_counts_the_tokens(claude):
    run = claude(
        *["--bare", "-p", QUESTION, "--output-format", "json"],
        ANTHROPIC_API_KEY="sk-ant-api03-the-users-own",
    )
    assert run.returncode == 0, run.stderr + run.stdout
    result = json.loads(run.stdout)

    assert result["subtype"] == "success"
    assert not result["is_error"]
    assert "Paris" in result["result"]
    assert result["usage"]["input_tokens"] > 50
    assert result["usage"]["output_tokens"] > 0


def test_a_wrong_key_is_told_at_once(claude):
    run = claude("--bare", "-p", "Hello", ANTHROPIC_API_KEY="wrong")

    assert run.returncode == 1
    assert "Invalid API key" in run.stdout
