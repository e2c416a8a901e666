"""What the history keeps of requests under way, and of the last ones."""

from types import SimpleNamespace

import msgspec
import pytest

from pensieve.figures import request
from pensieve.figures.history import (
    MAX_ENDED,
    MAX_POINTS,
    BrokenPrefix,
    EndedRequest,
    FirstToken,
    Gaps,
    RunningRequest,
)
from pensieve.figures.request import RequestFigures
from pensieve.figures.totals import Totals

BROKEN = BrokenPrefix("messages.3", at_token=700, earlier_tokens=900)


@pytest.fixture
def clock(monkeypatch):
    """Return a clock that is set by hand, in seconds; the epoch's is 1000 ahead."""
    clock = SimpleNamespace(now=100.0)
    told = SimpleNamespace(monotonic=lambda: clock.now, time=lambda: 1000 + clock.now)
    monkeypatch.setattr(request, "time", told)
    return clock


@pytest.fixture
def totals():
    return Totals()


def steps(figures):
    """Return what becomes of a request, and after how many seconds each."""
    return [
        (0, lambda: figures.asked("tiny")),
        (0.25, lambda: figures.counted(1000, BROKEN)),
        (0.25, figures.submitted),
        (1, lambda: figures.admitted(1000, 800, 300)),
        (2, lambda: figures.sampled(1)),
        (0.25, lambda: figures.sampled(1)),
        (0.75, lambda: figures.sampled(3)),
        (0, lambda: figures.stopped("end_turn", 4)),
        (0, lambda: figures.ended(status=200)),
    ]


def go(clock, figures, num_steps=None):
    """Take a request so many steps further from its start; None: to its end."""
    for step_s, tell in steps(figures)[:num_steps]:
        clock.now += step_s
        tell()


def test_a_request_is_shown_at_each_of_its_stages(clock, totals):
    figures = RequestFigures(totals, request_id="req_1")
    seen = []
    for step_s, tell in steps(figures)[:-2]:
        clock.now += step_s
        tell()
        (now,) = totals.history.running()
        seen.append((now.stage, now.age_s, now.prompt_tokens, now.output_tokens))

    assert seen == [
        ("prompt", 0, None, 0),
        ("prompt", 0.25, 1000, 0),
        ("queue", 0.5, 1000, 0),
        ("prefill", 1.5, 1000, 0),
        ("decode", 3.5, 1000, 1),
        ("decode", 3.75, 1000, 2),
        ("decode", 4.5, 1000, 5),
    ]


def test_a_request_under_way_has_all_that_is_known(clock, totals):
    figures = RequestFigures(totals, request_id="req_1")
    figures.follow(lambda: 20)
    go(clock, figures, -2)

    assert totals.history.running() == [
        RunningRequest(
            id="req_1",
            model="tiny",
            kind="live",
            stage="decode",
            age_s=4.5,
            prompt_tokens=1000,
            cached_tokens=800,
            unread_tokens=20,
            output_tokens=5,
            first_token_s=3.5,
            largest_gap_s=0.75,
            tokens_per_s=4.0,
        )
    ]


def test_what_is_not_known_yet_is_none(clock, totals):
    figures = RequestFigures(totals, request_id="req_1")
    figures.asked("tiny")

    (now,) = totals.history.running()
    fields = msgspec.structs.asdict(now)
    assert [name for name, value in fields.items() if value is None] == [
        *("prompt_tokens", "cached_tokens", "unread_tokens"),
        *("first_token_s", "largest_gap_s", "tokens_per_s"),
    ]


def test_an_ended_request_has_left_with_its_figures(clock, totals):
    go(clock, RequestFigures(totals, request_id="req_1"))

    assert totals.history.running() == []
    assert list(totals.history.ended) == [
        EndedRequest(
            id="req_1",
            model="tiny",
            kind="live",
            status=200,
            outcome="end_turn",
            began_at=1100.0,
            took_s=4.5,
            memory_tokens=500,
            disk_tokens=300,
            computed_tokens=200,
            output_tokens=4,
            first_token_s=3.5,
            largest_gap_s=0.75,
            tokens_per_s=4.0,
            broken_prefix=BROKEN,
        )
    ]
    assert list(totals.history.first_tokens) == [FirstToken(1103.5, 3.5, 200)]
    assert list(totals.history.gaps) == [Gaps(1104.5, 0.25, 0.75)]


def test_one_that_was_refused_says_how_far_it_came(clock, totals):
    figures = RequestFigures(totals, request_id="req_1")
    go(clock, figures, 2)
    figures.ended("rate_limit_error", 429)

    (ended,) = totals.history.ended
    assert (ended.outcome, ended.status) == ("rate_limit_error", 429)
    assert ended.memory_tokens is ended.computed_tokens is ended.first_token_s is None
    assert ended.output_tokens == 0
    assert not totals.history.first_tokens
    assert not totals.history.gaps


def test_one_that_never_named_a_model_is_not_kept(totals):
    figures = RequestFigures(totals, request_id="req_1")
    figures.ended("authentication_error", 401)

    assert not totals.history.ended


def test_one_that_breaks_off_has_the_tokens_so_far(clock, totals):
    figures = RequestFigures(totals, request_id="req_1")
    go(clock, figures, -2)
    figures.ended("client_left", 499)

    (ended,) = totals.history.ended
    assert (ended.outcome, ended.output_tokens) == ("client_left", 5)


def test_a_single_token_has_no_gap(clock, totals):
    figures = RequestFigures(totals, request_id="req_1")
    go(clock, figures, 5)
    figures.ended(status=200)

    assert totals.history.ended[0].largest_gap_s is None
    assert totals.history.ended[0].tokens_per_s is None
    assert not totals.history.gaps


def test_a_batchs_requests_are_shown_and_their_times_are_not_plotted(clock, totals):
    go(clock, RequestFigures(totals, is_background=True, request_id="batch 1"), 5)
    (now,) = totals.history.running()
    assert now.kind == "batch"

    go(clock, RequestFigures(totals, is_background=True, request_id="batch 1"))
    assert totals.history.ended[0].kind == "batch"
    assert totals.history.running() == []
    assert not totals.history.first_tokens
    assert not totals.history.gaps


def test_only_the_last_ones_are_kept(clock, totals):
    for i in range(MAX_POINTS + 1):
        go(clock, RequestFigures(totals, request_id=f"req_{i}"))

    history = totals.history
    assert len(history.ended) == MAX_ENDED
    assert history.ended[-1].id == f"req_{MAX_POINTS}"
    assert len(history.first_tokens) == len(history.gaps) == MAX_POINTS
