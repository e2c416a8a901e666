"""What engines' ends make of a sequence; who fails is in test_roster.py."""

from pensieve.link.blame import (
    KILLS_OF_SUSPECT,
    MAX_CRASHES_ALONE,
    MAX_KILLS,
    PROOF_TOKENS,
    Suspicion,
)
from pensieve.link.deaths import Cause


def after(*causes, is_alone=True):
    suspicion = Suspicion()
    for cause in causes:
        suspicion.add_end(cause, is_alone)
    return suspicion


def test_one_crash_makes_a_suspect_and_a_second_one_a_culprit():
    assert not Suspicion().is_suspect
    assert after(Cause.CRASH).is_suspect
    assert not after(Cause.CRASH).is_guilty
    assert after(Cause.CRASH, Cause.CRASH).is_guilty


def test_ends_in_order_are_nobodys_fault():
    suspicion = after(*[Cause.IN_ORDER] * 100)

    assert not suspicion
    assert not suspicion.is_suspect


def test_kills_make_a_suspect_late_and_a_culprit_later():
    assert not after(*[Cause.OUTSIDE] * (KILLS_OF_SUSPECT - 1)).is_suspect
    assert after(*[Cause.OUTSIDE] * KILLS_OF_SUSPECT).is_suspect
    assert not after(*[Cause.OUTSIDE] * (MAX_KILLS - 1)).is_guilty
    assert after(*[Cause.OUTSIDE] * MAX_KILLS).is_guilty


def test_a_token_answers_kills_but_not_crashes():
    killed, crashed = after(*[Cause.OUTSIDE] * 2), after(Cause.CRASH)
    killed.see_token(1)
    crashed.see_token(1)

    assert not killed
    assert crashed.is_suspect


def test_a_suspect_by_kills_gets_on_before_others_come_in():
    suspicion = after(*[Cause.OUTSIDE] * (MAX_KILLS - 1))
    for _ in range(PROOF_TOKENS):
        assert suspicion.is_suspect
        suspicion.see_token(1)  # of one engine after the other
        suspicion.add_end(Cause.OUTSIDE, is_alone=True)
        assert not suspicion.is_guilty

    assert not suspicion.is_suspect


def test_more_of_the_prompt_read_is_a_sign_of_life():
    suspicion = after(*[Cause.OUTSIDE] * (MAX_KILLS - 1))
    suspicion.see_progress()
    suspicion.add_end(Cause.OUTSIDE, is_alone=True)

    assert not suspicion.is_guilty


def test_proof_answers_crashes_a_few_times():
    suspicion = Suspicion()
    for count in range(1, MAX_CRASHES_ALONE + 1):
        suspicion.add_end(Cause.CRASH, is_alone=True)
        assert suspicion.is_guilty is (count == MAX_CRASHES_ALONE)
        suspicion.see_token(PROOF_TOKENS)


def test_crashes_among_others_are_answered_by_proof_for_ever():
    suspicion = Suspicion()
    for _ in range(50):
        suspicion.add_end(Cause.CRASH, is_alone=False)
        assert not suspicion.is_guilty
        suspicion.see_token(PROOF_TOKENS)
