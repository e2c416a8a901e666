import pytest

from pensieve.engine.constraints.thinking import ThinkingCloser
from pensieve.engine.token_bits import Bits, bits_of
from pensieve.link.messages import ThinkingLimit

OPEN, CLOSE, NEWLINE = 1, 2, 3
WORD = 9


def limit(max_tokens=3, is_open=False, opens=(OPEN,), closes=(CLOSE,), writes=None):
    closing = [NEWLINE, *closes, NEWLINE] if writes is None else writes
    return ThinkingLimit(max_tokens, is_open, list(opens), list(closes), closing)


def generated(closer: ThinkingCloser, model, num_tokens: int) -> list[int]:
    """Return what a model writes whose own tokens are `model`'s, in order."""
    wanted = iter(model)
    tokens = []
    for _ in range(num_tokens):
        forced = closer.forced(None)
        tokens.append(next(wanted) if forced is None else forced)
        closer.advance(tokens[-1])
    return tokens


@pytest.mark.parametrize("max_tokens", [0, 1, 2, 5])
@pytest.mark.parametrize("is_open", [False, True])
def test_thinking_is_closed_exactly_at_the_limit(max_tokens, is_open):
    closer = ThinkingCloser(limit(max_tokens, is_open))
    opening = [] if is_open else [WORD, OPEN]
    closing = [NEWLINE, CLOSE, NEWLINE]
    model = [*opening, *[WORD] * 20]

    tokens = generated(closer, model, 15)

    thought = [*opening, *[WORD] * max_tokens, *closing]
    assert tokens == thought + [WORD] * (15 - len(thought))


def test_thinking_that_ends_before_the_limit_is_left_alone():
    model = [OPEN, WORD, WORD, CLOSE, *[WORD] * 10]

    assert generated(ThinkingCloser(limit(3)), model, 14) == model


def test_the_limit_holds_for_all_thinking_of_an_answer_together():
    model = [OPEN, WORD, WORD, CLOSE, WORD, OPEN, WORD, WORD, WORD, WORD]

    tokens = generated(ThinkingCloser(limit(3)), model, 11)

    assert tokens == [*model[:7], NEWLINE, CLOSE, NEWLINE, WORD]


def test_marks_of_several_tokens_are_found_and_do_not_count():
    thinking = limit(5, opens=(5, 6), closes=(7, 8), writes=[7, 8])
    model = [5, WORD, 5, 6, WORD, 7, WORD, 7, 8, WORD, 6]
    closer = ThinkingCloser(thinking)

    assert generated(closer, model, 11) == model
    assert generated(closer, [5, 6, WORD, WORD, WORD], 7) == [
        *(5, 6, WORD, WORD, 7, 8, WORD)
    ]


def test_a_close_that_has_been_begun_at_the_limit_is_completed():
    thinking = limit(3, is_open=True, closes=(6, 7, 8), writes=[NEWLINE, 6, 7, 8])

    tokens = generated(ThinkingCloser(thinking), [WORD, 6, 7, WORD, WORD], 5)

    assert tokens == [WORD, 6, 7, 8, WORD]


def test_without_an_opening_nothing_opens():
    model = [OPEN, WORD, WORD, WORD, WORD, WORD]

    assert generated(ThinkingCloser(limit(1, opens=())), model, 6) == model


def allowing(*token_ids: int) -> Bits:
    return bits_of(token_ids, 12)


def test_of_the_closing_what_the_grammar_refuses_is_left_out():
    closer = ThinkingCloser(limit(0, is_open=True))

    assert closer.forced(allowing(CLOSE, WORD)) == CLOSE
    closer.advance(CLOSE)
    assert closer.forced(allowing(WORD)) is None
    closer.advance(WORD)
    assert closer.forced(allowing(NEWLINE, WORD)) is None


def test_a_closing_that_the_grammar_refuses_waits():
    closer = ThinkingCloser(limit(0, is_open=True))

    assert closer.forced(allowing(WORD)) is None
    closer.advance(WORD)
    assert closer.forced(allowing(NEWLINE, CLOSE, WORD)) == NEWLINE


def test_a_closing_that_waits_is_forgotten_when_the_model_closes_by_itself():
    closer = ThinkingCloser(limit(0, is_open=True, closes=(7, 8), writes=[7, 8]))
    closer.forced(allowing(WORD))
    closer.advance(WORD)
    closer.advance(7)  # as if the grammar had allowed no other
    closer.advance(8)

    assert closer.forced(None) is None


def test_a_closing_whose_mark_the_grammar_refuses_is_tried_once():
    closer = ThinkingCloser(limit(0, is_open=True, writes=[NEWLINE, CLOSE]))

    assert closer.forced(allowing(NEWLINE)) == NEWLINE
    closer.advance(NEWLINE)
    assert closer.forced(allowing(NEWLINE, WORD)) is None
