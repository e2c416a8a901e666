"""Text of requests is in the log only if the user wants it, and then marked."""

import logging

import pytest

from pensieve import prompt_log

SECRET = "a private question"


@pytest.fixture
def on():
    prompt_log.switch(True)
    yield
    prompt_log.switch(False)


@pytest.fixture
def log(caplog):
    caplog.set_level(logging.DEBUG, "pensieve")
    return caplog


def broken():
    try:
        raise KeyError(SECRET)
    except KeyError as error:
        raise ValueError(f"{SECRET} again") from error


def failure():
    with pytest.raises(ValueError, match=SECRET) as raised:
        broken()
    return prompt_log.failure("req_1", raised.value)


def test_it_is_off_at_first(log):
    prompt_log.tell("req_1", SECRET)

    assert not prompt_log.is_on()
    assert log.messages == []


def test_switched_on_every_line_of_it_is_marked(log, on):
    prompt_log.tell("req_1", SECRET + "\nERROR forged")
    prompt_log.tell("req_2", SECRET.encode())

    assert prompt_log.is_on()
    assert log.messages == [
        r"PROMPT TEXT: req_1: 'a private question\nERROR forged'",
        "PROMPT TEXT: req_2: b'a private question'",
    ]


def test_a_failure_is_told_by_place_and_type_without_what_it_says(log):
    said = failure()

    assert SECRET not in said
    assert log.messages == []
    assert "ValueError" in said
    assert "KeyError" in said  # its cause
    assert "in broken" in said


def test_what_a_failure_says_is_marked_where_it_is_wanted(log, on):
    assert SECRET not in failure()
    assert log.messages == ["PROMPT TEXT: req_1: 'a private question again'"]
