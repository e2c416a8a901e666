import numpy as np
import pytest
from engine.character_vocabulary import END, VOCABULARY, ids
from engine.tiny_models import VOCAB_SIZE

from pensieve.engine.constraints.constraint import ActiveConstraint
from pensieve.engine.constraints.grammar import GrammarCompiler, GrammarError
from pensieve.engine.token_bits import unpacked
from pensieve.link.messages import Constraint, SamplingParams, Submit, ThinkingLimit

PROMPT = ids("any")
LIMIT = ThinkingLimit(2, True, [], ids("]"), ids("|]"))


@pytest.fixture(scope="module")
def compiler():
    return GrammarCompiler(VOCABULARY)


def constraint(compiler, grammar="", limit=None, sampled="", vocab_size=VOCAB_SIZE):
    submit = Submit(
        sequence_id=1,
        token_ids=PROMPT + ids(sampled),
        max_tokens=5,
        end_token_ids=[END, 10**9],
        sampling=SamplingParams(seed=0),
        prompt_size=len(PROMPT),
        constraint=Constraint(grammar, limit),
    )
    matcher = compiler.matcher(grammar) if grammar else None
    return ActiveConstraint(submit, vocab_size, matcher)


def may_come(active: ActiveConstraint, vocab_size=VOCAB_SIZE) -> list[int]:
    return np.flatnonzero(unpacked(active.mask, vocab_size)).tolist()


def test_the_end_may_come_only_where_the_grammar_is_complete(compiler):
    active = constraint(compiler, 'start: "a" "b"?')

    assert may_come(active) == ids("a")
    active.advance(*ids("a"))
    assert may_come(active) == [END, *ids("b")]
    active.advance(*ids("b"))
    assert may_come(active) == [END]


@pytest.mark.parametrize("vocab_size", [VOCAB_SIZE - 10, VOCAB_SIZE, VOCAB_SIZE + 32])
def test_a_mask_is_as_wide_as_the_models_logits(compiler, vocab_size):
    active = constraint(compiler, "start: /[z-~ ]/", vocab_size=vocab_size)

    assert active.mask.shape == (-(-vocab_size // 32),)
    assert may_come(active, len(active.mask) * 32) == [
        each for each in ids(" z{|}~") if each < vocab_size
    ]


def test_without_grammar_everything_may_come_below_the_limit(compiler):
    active = constraint(compiler, limit=LIMIT)

    assert active.mask is None
    active.advance(*ids("x"))
    assert active.mask is None
    active.advance(*ids("x"))
    assert may_come(active) == ids("|")
    active.advance(*ids("|"))
    assert may_come(active) == ids("]")
    active.advance(*ids("]"))
    assert active.mask is None


def test_the_limit_closes_what_the_grammar_lets_be_closed(compiler):
    grammar = 'start: /[a-z]*/ "]" /[0-9]/'
    active = constraint(compiler, grammar, LIMIT)
    written = ""
    for wanted in "xyz":
        if (ids(wanted)[0]) in may_come(active):
            active.advance(*ids(wanted))
            written += wanted

    assert written == "xy"
    assert may_come(active) == ids("]")  # "|" is refused and left out
    active.advance(*ids("]"))
    assert may_come(active) == sorted(ids("0123456789"))


@pytest.mark.parametrize("text", ["", "x", "xy", "xy]", "xy]7"])
def test_what_was_sampled_before_is_replayed(compiler, text):
    grammar = 'start: /[a-z]*/ "]" /[0-9]/'
    led = constraint(compiler, grammar, LIMIT)
    for token_id in ids(text):
        led.advance(token_id)

    assert may_come(constraint(compiler, grammar, LIMIT, text)) == may_come(led)


def test_what_was_sampled_against_the_grammar_is_refused(compiler):
    with pytest.raises(GrammarError):
        constraint(compiler, 'start: "ab"', sampled="b")
