from pensieve.link.deaths import Cause
from pensieve.link.pulse import Patience, Pulse

PATIENCE = Patience(silence_s=30, step_s=600, loading_s=300)


class Engine:
    """What a pulse asks of a process."""

    is_stopped = False

    def __init__(self, is_loading=False):
        self.pulse = Pulse(PATIENCE, lambda: self.is_stopped)
        self.pulse.is_loading = is_loading

    def silent_for(self, seconds):
        """Return the verdict after some silence, tick by tick."""
        for _ in range(int(seconds / PATIENCE.interval_s)):
            if verdict := self.pulse.tick(PATIENCE.interval_s):
                return verdict
        return None


def test_an_engine_that_answers_lives_for_ever():
    engine = Engine()
    for _ in range(1000):
        assert engine.pulse.tick(PATIENCE.interval_s) is None
        engine.pulse.hear()


def test_a_silent_engine_is_given_up_and_it_is_its_own_fault():
    assert Engine().silent_for(25) is None
    assert Engine().silent_for(30).cause is Cause.CRASH


def test_a_stopped_engine_is_given_up_and_it_is_nobodys_fault():
    engine = Engine()
    engine.is_stopped = True

    assert engine.silent_for(25) is None
    assert engine.silent_for(5).cause is Cause.OUTSIDE


def test_a_pause_within_the_limit_is_forgotten():
    engine = Engine()
    for _ in range(10):
        assert engine.silent_for(25) is None
        engine.pulse.hear()


def test_an_engine_that_loads_may_be_silent_for_longer_but_not_stopped():
    assert Engine(is_loading=True).silent_for(295) is None
    assert Engine(is_loading=True).silent_for(300).cause is Cause.CRASH
    stopped = Engine(is_loading=True)
    stopped.is_stopped = True
    assert stopped.silent_for(30).cause is Cause.OUTSIDE


def test_a_worker_that_was_away_itself_asks_again_before_it_judges():
    engine = Engine()

    assert engine.pulse.tick(3600.0) is None
    engine.pulse.hear()
    assert engine.silent_for(25) is None


def test_a_step_without_end_is_given_up():
    engine = Engine()
    engine.pulse.take_pong(600.0)
    assert engine.pulse.tick(PATIENCE.interval_s) is None
    engine.pulse.take_pong(600.5)

    verdict = engine.pulse.tick(PATIENCE.interval_s)

    assert verdict.cause is Cause.CRASH
    assert "600 s" in verdict.reason
