import gc

from pensieve.bench.case import Case, Contest, MissingError
from pensieve.bench.runner import run_cases
from pensieve.bench.timing import in_turn, loops_for, no_collections, seconds


class FakeClock:
    """Time that goes on when work is done, and not otherwise."""

    def __init__(self):
        self.now = 0.0
        self.log = []

    def __call__(self):
        return self.now

    def work(self, name, *durations):
        """Return work whose calls take these times, the last one for ever."""
        left = [*durations]

        def work():
            self.log.append(name)
            self.now += left.pop(0) if len(left) > 1 else left[0]

        return work


def test_a_slice_is_as_many_calls_as_fill_it():
    clock = FakeClock()

    loops = loops_for(clock.work("a", 0.001), clock, slice_s=0.01)

    assert loops * 0.001 >= 0.01
    assert loops <= 12


def test_slow_work_is_called_once_a_slice():
    clock = FakeClock()

    assert loops_for(clock.work("a", 1.0), clock, slice_s=0.01) == 1
    assert len(clock.log) == 2  # once to warm up


def test_a_slow_first_call_does_not_make_slices_short():
    clock = FakeClock()

    assert loops_for(clock.work("a", 5.0, 0.002), clock, slice_s=0.01) >= 5


def test_a_clock_with_coarse_ticks_gets_enough_calls():
    clock = FakeClock()
    work = clock.work("a", 1e-6)

    loops = loops_for(work, lambda: round(clock.now, 3), slice_s=0.01)

    assert loops * 1e-6 >= 0.009


def test_the_time_of_a_call_is_the_mean_of_its_slice():
    clock = FakeClock()

    assert seconds(clock.work("a", 1.0, 2.0, 3.0), 3, clock) == 2.0


def test_everybody_has_a_turn_in_each_round_and_the_order_rotates():
    order = []

    def run(name, value):
        def one():
            order.append(name)
            return value

        return one

    values = in_turn({"a": run("a", 1), "b": run("b", 2), "c": run("c", 3)}, 4)

    assert order == [*"abc", *"bca", *"cab", *"abc"]
    assert values == {"a": [1] * 4, "b": [2] * 4, "c": [3] * 4}


def test_a_case_gives_exact_figures_of_made_up_times():
    clock = FakeClock()
    contest = Contest(
        clock.work("pensieve", 0.02),
        {"slow twin": clock.work("slow twin", 0.08)},
        num_bytes=100,
        others={"rival": "not installed"},
    )

    (found,) = run_cases([Case("x.y", lambda _: contest)], None, 6, clock)

    assert found.subject == "pensieve"
    assert found.baseline == "slow twin"
    assert round(found.spreads["pensieve"].median, 9) == 0.02
    assert round(found.ratio.median, 9) == 0.25
    assert found.ratio.num_values == 6
    assert found.num_bytes == 100
    assert found.skipped == "rival: not installed"


def test_a_case_that_lacks_something_says_so_and_the_next_one_runs():
    def lacking(_):
        raise MissingError("no such module")

    clock = FakeClock()
    there = Contest(clock.work("a", 1.0), {})

    cases = [Case("a", lacking), Case("b", lambda _: there)]
    first, second = run_cases(cases, None, 1, clock)

    assert (first.skipped, first.spreads) == ("no such module", {})
    assert second.ratio is None
    assert second.spreads["pensieve"].median == 1.0


def test_no_garbage_is_collected_in_a_slice():
    with no_collections():
        assert not gc.isenabled()
    assert gc.isenabled()
