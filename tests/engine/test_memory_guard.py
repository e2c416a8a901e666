"""Each state of memory, reached with a simulated reading, does exactly its row."""

import mlx.core as mx
import pytest
from engine.prefix_cache.disk.tiers import FLUSH_S, held_up, tier
from engine.simulated_memory import MB, Watched, prompt
from engine.tiny_models import tiny_llama

from pensieve.engine.memory_guard import RELIEF_S, REPORT_INTERVAL_S, STARVED_S
from pensieve.engine.prefix_cache.runs import as_array
from pensieve.link.messages import Admitted, Failed, Finished
from pensieve.machine_memory import Reading
from pensieve.memory_states import MemoryState

TOKEN_BYTES = 256
"""Of tiny_llama's keys and values."""
MB_OF_600 = 600 * TOKEN_BYTES / MB
SAFE, CAUTION, WARNING, CRITICAL, EMERGENCY = MemoryState
FREE_MB = {SAFE: 3000, CAUTION: 1500, WARNING: 1100, CRITICAL: 700, EMERGENCY: 300}


@pytest.fixture(scope="module")
def model():
    return tiny_llama()


@pytest.fixture
def watched(model):
    """Something is in the prefix cache, and two sequences are at work."""
    watched = Watched(model)
    watched.submit(1, size=200, max_tokens=1)
    watched.finish()
    watched.submit(2, size=60)
    watched.submit(3, size=40)
    watched.step(10)
    watched.look(FREE_MB[SAFE])
    assert watched.prefixes.nbytes > 0
    assert sorted(watched.ids(Admitted)) == [1, 2, 3]
    return watched


class Facts:
    """What a state can be told from, outside."""

    def __init__(self, watched, state):
        kept = watched.prefixes.nbytes
        watched.look(FREE_MB[state])
        self.keeps_cache = watched.prefixes.nbytes == kept
        self.ended = watched.ids(Failed)
        watched.submit(4, size=30)  # of its own, unlike any before
        watched.step(10)
        self.begins_beside_others = 4 in watched.ids(Admitted)
        for sequence_id in (2, 3):
            watched.scheduler.cancel(0, sequence_id)
        self.grows_cache = watched.prefixes.nbytes > kept
        watched.step()
        self.begins_alone = 4 in watched.ids(Admitted)
        self.must_end = watched.guard.must_end


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (SAFE, {"grows", "keeps", "beside", "alone"}),
        (CAUTION, {"keeps", "beside", "alone"}),
        (WARNING, {"alone"}),
        (CRITICAL, set()),
        (EMERGENCY, {"ends"}),
    ],
)
def test_each_state_does_exactly_its_row(watched, state, expected):
    facts = Facts(watched, state)

    assert watched.guard.state is state
    assert {
        name
        for name, is_so in {
            "grows": facts.grows_cache,
            "keeps": facts.keeps_cache,
            "beside": facts.begins_beside_others,
            "alone": facts.begins_alone,
            "ends": facts.ended == [2],
        }.items()
        if is_so
    } == expected
    assert facts.ended in ([], [2])
    assert not facts.must_end


def test_in_caution_new_prefixes_take_the_place_of_old_ones(watched):
    kept = watched.prefixes.nbytes
    watched.look(FREE_MB[CAUTION])

    watched.submit(5, size=50, max_tokens=1)
    watched.step(10)

    assert kept - 10_000 < watched.prefixes.nbytes <= kept
    assert watched.prefixes.known_size(prompt(50, 5)) >= 49


def test_the_cache_grows_only_into_what_is_free_beyond_caution(watched):
    kept = watched.prefixes.nbytes
    watched.machine.free_bytes = 2000 * MB + 5000
    watched.machine.now += 1
    watched.guard.look()

    watched.submit(5, size=300, max_tokens=1)
    watched.step(40)

    assert kept < watched.prefixes.nbytes <= kept + 5000


def test_buffers_are_given_back_with_the_cache(watched, monkeypatch):
    calls = []
    monkeypatch.setattr(mx, "clear_cache", lambda: calls.append("clear"))
    monkeypatch.setattr(mx, "get_cache_memory", lambda: 5 * MB)

    watched.look(FREE_MB[CAUTION])
    assert calls == []
    watched.look(FREE_MB[WARNING])
    assert calls == ["clear"]


def test_when_memory_is_back_all_is_as_before(watched):
    watched.look(FREE_MB[CRITICAL])
    watched.submit(4, size=30)
    watched.step(5)
    assert 4 not in watched.ids(Admitted)

    watched.look(FREE_MB[SAFE])
    watched.step(5)

    assert 4 in watched.ids(Admitted)
    watched.scheduler.cancel(0, 4)
    assert watched.prefixes.nbytes > 0


def test_what_runs_is_finished_in_a_critical_state(watched):
    watched.look(FREE_MB[CRITICAL])

    watched.finish()

    assert watched.ids(Finished) == [1, 3, 2] or watched.ids(Finished) == [1, 2, 3]
    assert watched.ids(Failed) == []


def test_a_sequence_that_has_begun_elsewhere_is_finished_in_a_critical_state(model):
    """Its engine ended; the client hands the rest of it to this one."""
    watched = Watched(model)
    watched.look(FREE_MB[CRITICAL])
    watched.submit(1, size=20, max_tokens=5)
    watched.submit(2, size=20, max_tokens=5, num_sampled=3)

    watched.finish()

    assert watched.ids(Finished) == [2]
    assert watched.ids(Admitted) == [2]


def test_sequences_that_cannot_begin_are_no_work(model):
    """Else the model's thread would turn in a circle until memory is back."""
    watched = Watched(model)
    watched.look(FREE_MB[CRITICAL])
    watched.submit(1)
    assert not watched.scheduler.has_work

    watched.look(FREE_MB[SAFE])
    assert watched.scheduler.has_work


def test_no_sequence_waits_for_ever_for_memory(model):
    watched = Watched(model)
    watched.look(FREE_MB[CRITICAL])
    watched.submit(1)

    watched.look(FREE_MB[CRITICAL], after_s=STARVED_S - 2)
    assert watched.ids(Failed) == []
    watched.look(FREE_MB[CRITICAL], after_s=3)

    [failed] = watched.of_type(Failed)
    assert failed.is_overload
    assert failed.message == (
        "memory: 700 MB are left on this machine, and requests need 1000 MB to begin"
    )
    assert watched.reports[-1].done == "turned 1 waiting requests away"


def test_those_that_wait_for_others_to_end_are_not_turned_away(watched):
    watched.look(FREE_MB[CRITICAL])
    watched.submit(4)

    watched.look(FREE_MB[CRITICAL], after_s=2 * STARVED_S)

    assert watched.ids(Failed) == []


# ----- Emergency -----


def test_the_largest_sequence_ends_with_a_sentence_and_the_others_go_on(watched):
    watched.look(FREE_MB[EMERGENCY])

    [failed] = watched.of_type(Failed)
    assert failed.sequence_id == 2
    assert failed.is_overload
    assert failed.message == (
        "memory: 300 MB are left on this machine, and below 500 MB the largest request"
        " is ended, which was this one"
    )
    assert watched.reports[-1].done.startswith("ended the largest request, of ")
    watched.finish()
    assert watched.ids(Finished) == [1, 3]


def test_a_prompt_that_is_being_prefilled_may_be_the_largest(watched):
    watched.submit(9, size=500)
    watched.step(2)

    watched.look(FREE_MB[EMERGENCY])

    assert watched.ids(Failed) == [9]


def test_giving_the_cache_back_may_be_enough(watched):
    """Then nothing is ended."""
    free_bytes = iter([300 * MB, 5000 * MB])
    watched.machine.read = lambda: Reading(next(free_bytes), "machine")

    watched.machine.now += 1
    watched.guard.look()

    states = [report.state for report in watched.reports]
    assert states[-3:] == [EMERGENCY, EMERGENCY, SAFE]
    assert watched.ids(Failed) == []


def test_ending_one_is_given_time_to_help(watched):
    watched.look(FREE_MB[EMERGENCY])
    watched.look(FREE_MB[EMERGENCY], after_s=RELIEF_S - 1)

    assert watched.ids(Failed) == [2]
    assert not watched.guard.must_end


def test_if_it_did_not_help_the_engine_ends(watched):
    watched.look(FREE_MB[EMERGENCY])
    watched.look(FREE_MB[EMERGENCY], after_s=RELIEF_S + 1)

    assert watched.ids(Failed) == [2]
    assert watched.guard.must_end
    assert watched.reports[-1].ends_engine
    assert watched.reports[-1].done == "ended the engine, to start it again empty"


def test_if_it_helped_the_engine_does_not_end(watched):
    watched.look(FREE_MB[EMERGENCY])
    watched.look(FREE_MB[CRITICAL], after_s=RELIEF_S + 1)
    watched.look(FREE_MB[CRITICAL], after_s=RELIEF_S + 1)

    assert not watched.guard.must_end


def test_in_the_next_emergency_the_next_one_is_ended(watched):
    watched.look(FREE_MB[EMERGENCY])
    watched.look(FREE_MB[CRITICAL])
    watched.look(FREE_MB[EMERGENCY])

    assert watched.ids(Failed) == [2, 3]
    assert not watched.guard.must_end


def test_ending_one_gives_memory_back_though_the_disk_is_slow(model, tmp_path):
    watched = Watched(model, budget_bytes=0)
    watched.submit(1, size=3000)
    watched.step(200)
    watched.prefixes.disk = disk = tier(tmp_path, model)
    mx.synchronize()
    before = mx.get_active_memory()

    with held_up():
        watched.look(FREE_MB[EMERGENCY])
        mx.synchronize()
        given = before - mx.get_active_memory()

    assert disk.flush(FLUSH_S)
    assert watched.ids(Failed) == [1]
    assert given >= 3000 * TOKEN_BYTES


@pytest.mark.parametrize(
    ("free_mb", "copied"), [(1000 + 2 * MB_OF_600, 512), (1000, 0), (990, 0)]
)
def test_half_of_what_is_left_may_be_copied_to_disk(model, tmp_path, free_mb, copied):
    watched = Watched(model, budget_bytes=0)
    watched.prefixes.disk = disk = tier(tmp_path, model)
    watched.submit(1, size=900, max_tokens=1)
    watched.step(2)
    watched.look(free_mb)

    watched.finish()

    assert disk.flush(FLUSH_S)
    plan = disk.plan(as_array(prompt(900, 1)), 900)
    assert (plan.size if plan else 0) == copied


def test_an_engine_that_has_done_nothing_does_not_end_in_vain(model):
    """It was just started again, and others have the memory."""
    watched = Watched(model)
    for _ in range(10):
        watched.look(FREE_MB[EMERGENCY], after_s=RELIEF_S + 1)

    assert not watched.guard.must_end


# ----- What is told -----


def test_each_change_is_told_once_with_the_figures(watched, caplog):
    before = len(watched.reports)
    watched.look(FREE_MB[CAUTION])
    watched.look(FREE_MB[CAUTION])

    [report] = watched.reports[before:]
    assert report.state is CAUTION
    assert report.free_bytes == 1500 * MB
    assert report.bound == "machine"
    assert report.active_bytes > 0
    assert report.peak_bytes >= report.active_bytes
    lines = [record.message for record in caplog.records]
    assert lines == ["memory: caution, 1500 MB free (machine)"]


def test_what_was_done_stays_to_be_seen(watched):
    watched.look(FREE_MB[WARNING])
    watched.look(FREE_MB[SAFE])

    assert watched.reports[-1].state is SAFE
    assert "of past prompts" in watched.reports[-1].done


def test_figures_are_told_now_and_then_without_a_change(watched):
    before = len(watched.reports)
    watched.look(3001, after_s=REPORT_INTERVAL_S + 1)

    assert [each.free_bytes for each in watched.reports[before:]] == [3001 * MB]


def test_looking_is_cheap(watched):
    readings = watched.machine.num_readings
    for _ in range(1000):
        watched.machine.now += 0.001
        watched.guard.look()

    assert watched.machine.num_readings - readings <= 5
