from types import SimpleNamespace

import pytest

from pensieve.figures import request
from pensieve.figures.request import RequestFigures
from pensieve.figures.totals import Outcome, Totals


@pytest.fixture
def clock(monkeypatch):
    """Return a clock that is set by hand, in seconds."""
    clock = SimpleNamespace(now=100.0)
    told = SimpleNamespace(monotonic=lambda: clock.now, time=lambda: 1e9 + clock.now)
    monkeypatch.setattr(request, "time", told)
    return clock


def answered(clock, totals, is_background=False) -> RequestFigures:
    """Return the figures of a request that takes its time."""
    figures = RequestFigures(totals, is_background)
    for step_s, tell in [
        (0.5, figures.submitted),
        (1, lambda: figures.admitted(1000, 800, 300)),
        (2, lambda: figures.sampled(1)),
        (0.25, lambda: figures.sampled(1)),
        (0.75, lambda: figures.sampled(3)),
        (0, lambda: figures.stopped("end_turn", 4)),
        (0, figures.ended),
    ]:
        clock.now += step_s
        tell()
    return figures


def counts(buckets) -> list[tuple[float, int]]:
    """Return the bounds of buckets that have values, and how many."""
    before, filled = 0, []
    for bound, count in buckets.cumulative():
        if count > before:
            filled.append((bound, count - before))
        before = count
    return filled


def test_a_line_has_all_of_a_request(clock):
    figures = answered(clock, Totals())

    assert str(figures) == (
        "in=1000 out=4 cached=800 disk=300 queue_ms=1000 first_token_ms=3500"
        " max_gap_ms=750 prefill_tps=100 decode_tps=4.0 stop=end_turn"
    )
    assert figures.took_s == 4.5


def test_what_is_not_known_is_not_in_the_line(clock):
    figures = RequestFigures()
    assert str(figures) == ""

    figures.counted(12)
    assert str(figures) == "in=12 out=0"


def test_an_answer_that_breaks_off_has_the_tokens_so_far(clock):
    figures = RequestFigures()
    figures.submitted()
    figures.admitted(10, 9)
    figures.sampled(2)

    assert "in=10 out=2 cached=9" in str(figures)
    assert "stop=" not in str(figures)


def test_totals_have_what_requests_had(clock):
    totals = Totals()
    for _ in range(2):
        answered(clock, totals)

    assert totals.outcomes == {Outcome("end_turn", "live"): 2}
    assert totals.memory_tokens == 1000
    assert totals.disk_tokens == 600
    assert totals.computed_tokens == totals.prefilled_tokens == 400
    assert totals.sampled_tokens == 10
    assert counts(totals.queue_s) == [(1, 2)]
    assert counts(totals.first_token_s) == [(4, 2)]
    assert counts(totals.prefill_rate) == [(100, 2)]
    assert counts(totals.decode_rate) == [(5, 2)]


def test_tokens_that_come_together_have_no_gap_between_them(clock):
    totals = Totals()
    answered(clock, totals)

    assert counts(totals.gap_s) == [(0.005, 2), (0.25, 1), (1, 1)]
    assert totals.gap_s.total == 1.0


def test_a_batchs_requests_are_counted_and_not_timed(clock):
    totals = Totals()
    answered(clock, totals, is_background=True)

    assert totals.outcomes == {Outcome("end_turn", "batch"): 1}
    assert totals.sampled_tokens == 5
    timed = [
        totals.queue_s,
        totals.first_token_s,
        totals.gap_s,
        totals.prefill_rate,
        totals.decode_rate,
    ]
    assert [each.count for each in timed] == [0, 0, 0, 0, 0]


def test_few_computed_tokens_say_nothing_of_speed(clock):
    totals = Totals()
    figures = RequestFigures(totals)
    figures.submitted()
    figures.admitted(1000, 999)
    clock.now += 1
    figures.sampled(1)

    assert "prefill_tps" not in str(figures)
    assert totals.prefill_rate.count == 0


@pytest.mark.parametrize(
    ("ending", "name"),
    [("", "tool_use"), ("client_left", "client_left"), ("api_error", "api_error")],
)
def test_an_odd_ending_goes_before_the_stop_reason(ending, name):
    totals = Totals()
    figures = RequestFigures(totals)
    figures.stopped("tool_use", 1)
    figures.ended(ending)

    assert totals.outcomes == {Outcome(name, "live"): 1}
