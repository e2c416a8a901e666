"""Figures of made-up answers, prompts that share what they should, traces."""

import json

import click
import pytest
from pensieve.bench import rivals
from pensieve.bench.mac import CLAIM, MODEL, verdict
from pensieve.bench.outcome import outcome
from pensieve.bench.serve.arrivals import Answer
from pensieve.bench.serve.command import measure
from pensieve.bench.serve.prompts import TextMaker
from pensieve.bench.serve.replay import prompt_of, read_trace
from pensieve.bench.serve.scenarios import (
    decode_rate,
    quantile,
    unit_of,
    whole_rate,
)


def answer(asked_at, first, gap, size):
    times = [first + gap * i for i in range(size)]
    return Answer(asked_at, times, output_tokens=size)


def test_decoding_is_timed_from_the_last_first_token_on():
    answers = [answer(0.0, 1.0, 0.5, 21), answer(0.0, 3.0, 0.5, 17)]

    # From 3 s to 11 s: 16 tokens of the first after it, 16 of the second.
    assert decode_rate(answers) == 32 / 8
    assert whole_rate(answers) == 38 / 11


def test_tokens_that_come_in_one_piece_are_counted():
    each = Answer(0.0, [1.0, 2.0], output_tokens=20)

    assert each.token_times == [1.0, *[2.0] * 19]
    assert decode_rate([each]) == 19


def test_a_server_that_does_not_count_sends_a_token_a_piece():
    assert Answer(2.0, [1.0, 2.0]).token_times == [3.0, 4.0]


def test_there_is_no_rate_of_answers_that_did_not_overlap_or_of_too_few_tokens():
    assert decode_rate([answer(0.0, 0.0, 0.1, 10), answer(0.0, 5.0, 0.1, 50)]) is None
    assert decode_rate([answer(0.0, 0.0, 0.1, 5)]) is None


def test_quantiles_are_values_that_were_seen():
    ordered = [float(i) for i in range(100)]

    assert quantile(ordered, 0.99) == 99.0
    assert quantile(ordered, 0.9) == 90.0
    assert quantile([1.0], 0.99) == 1.0


def test_units_are_the_figures():
    assert unit_of("gap.max") == "s"
    assert unit_of("decode.4") == unit_of("whole.1") == "tokens/s"
    assert unit_of("trace.cached") == "%"


class FakeServer:
    def __init__(self, name):
        self.name = name


def test_servers_take_turns_and_the_subject_is_shown_first():
    order = []

    def scenario(server, turn):
        order.append((turn, server.name))
        return {"figure": {"ours": 1.0, "theirs": 2.0}[server.name] * (turn + 1)}

    servers = [FakeServer("ours"), FakeServer("theirs")]
    (found,) = measure(servers, [scenario], 2)

    assert order == [(0, "ours"), (0, "theirs"), (1, "theirs"), (1, "ours")]
    assert (found.subject, found.baseline) == ("ours", "theirs")
    assert found.ratio.median == 0.5


def test_a_figure_that_is_not_in_every_round_is_left_out_and_told():
    def scenario(server, turn):
        return {"a": 1.0} if turn == 0 else {"a": 1.0, "b": 2.0}

    found = {each.name: each for each in measure([FakeServer("x")], [scenario], 2)}

    assert found["a"].spreads["x"].num_values == 2
    assert found["b"].spreads == {}
    assert found["b"].skipped == "x: not in every round"


# ----- Prompts and traces -----


def test_texts_are_the_same_for_the_same_seed_only():
    texts, others = TextMaker(1.25, "run"), TextMaker(1.25, "another run")

    assert texts.text(100, "a") == texts.text(100, "a")
    assert len(texts.text(100, "a").split()) == 80
    begins = {each.text(100, seed)[:60] for each in (texts, others) for seed in "ab"}
    assert len(begins) == 4


def test_another_question_has_all_before_it_in_common():
    texts = TextMaker(1.0, "run")

    first, second = (texts.prompt(200, "seed", question).text for question in (1, 2))

    assert first != second
    assert first.split("\n\n")[0] == second.split("\n\n")[0]


@pytest.fixture
def trace_path(tmp_path):
    trace = {
        "block_size": 64,
        "tool_tokens": 64,
        "system_tokens": 70,
        "requests": [
            {"t": 5.0, "out": 9, "hash_ids": [1, 2, 3, 4]},
            {"t": 1.0, "out": 0, "hash_ids": [1, 2, 3]},
            {"t": 9.0, "out": 9, "hash_ids": [1]},
        ],
    }
    path = tmp_path / "trace.json"
    path.write_text(json.dumps(trace))
    return path


def test_a_trace_is_read_in_the_order_it_was_sent(trace_path):
    trace = read_trace(trace_path, num_requests=2, divisor=8)

    assert trace.block_tokens == 8
    assert [each.blocks for each in trace.requests] == [[1, 2, 3], [1, 2, 3, 4]]
    assert [each.head_size for each in trace.requests] == [2, 2]


def test_a_head_is_no_longer_than_its_prompt(trace_path):
    assert read_trace(trace_path, 3, 1).requests[2].head_size == 1


def test_equal_blocks_are_equal_text_and_others_are_not(trace_path):
    trace = read_trace(trace_path, 2, 8)
    texts = TextMaker(1.0, "run")

    first, second = (prompt_of(each, texts, 8, 0) for each in trace.requests)
    again = prompt_of(trace.requests[0], texts, 8, 1)

    assert first.system == second.system
    assert len(first.system.split()) == 16
    assert second.text.split()[:8] == first.text.split()[:8]
    assert second.text.split()[8:16] != first.text.split()[8:16]
    assert again.system != first.system  # another round is new to the server


def test_what_is_no_trace_is_told(tmp_path):
    path = tmp_path / "other.json"
    path.write_text('{"requests": []}')

    with pytest.raises(click.ClickException, match="expected a trace"):
        read_trace(path, 1, 1)


# ----- Rivals and the claim -----


def test_rivals_are_named_or_commands():
    assert rivals.named("mlx_lm.server").is_installed
    assert rivals.named("mlx_lm.server").api == "openai"
    given = rivals.named("openai:/opt/bin/some-server --port {port}")
    assert (given.name, given.api) == ("some-server", "openai")
    assert not given.is_installed
    assert rivals.named("other {port}").api == "anthropic"
    with pytest.raises(ValueError, match=r"expected one of mlx_lm\.server"):
        rivals.named("nothing")


@pytest.mark.parametrize("name", [*rivals.RIVALS])
def test_a_rival_says_how_it_is_started_and_whether_it_was_ever_tried(name):
    rival = rivals.RIVALS[name]

    assert "{port}" in rival.command
    assert "{model}" in rival.command
    assert (rival.tried == "never") == (name != "mlx_lm.server")


@pytest.mark.parametrize(
    ("rate", "word"),
    [(20.0, "does NOT hold"), (30.0, "holds here:"), (50.0, "(and it is more)")],
)
def test_the_claim_is_checked_on_a_mac_only(monkeypatch, rate, word):
    found = [outcome("decode.128", {"pensieve": [rate]}, unit="tokens/s")]
    assert CLAIM == (25.0, 40.0)

    assert "this is no Mac" in verdict(MODEL, found, [128])

    monkeypatch.setattr("pensieve.bench.mac.is_a_mac", lambda: True)
    assert word in verdict(MODEL, found, [128, 1024])
    assert "not checked: it is of" in verdict("smollm2", found, [128])
    assert "no answer was long enough" in verdict(MODEL, [], [128])
