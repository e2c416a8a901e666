import logging
import re
from queue import SimpleQueue

import numpy as np
import pytest
from engine.character_vocabulary import END, ids, save_tokenizer
from engine.engine_process import TIMEOUT_S
from engine.tiny_models import VOCAB_SIZE

from pensieve.engine.constraints import builder as constraint_builder
from pensieve.engine.constraints.builder import ConstraintBuilder
from pensieve.engine.token_bits import bits_of
from pensieve.link.messages import Constraint, SamplingParams, Submit


def submit(grammar, sequence_id=1) -> Submit:
    sampling = SamplingParams(seed=0)
    constraint = Constraint(grammar)
    return Submit(sequence_id, ids("a"), 5, [END], sampling, 1, constraint)


@pytest.fixture
def build():
    """Return a function that builds the constraints of some sequences, in order."""

    def build_all(model_path, *submits):
        done = SimpleQueue()
        builder = ConstraintBuilder(model_path, done.put)
        for connection_id, each in enumerate(submits):
            builder.build(connection_id, each, VOCAB_SIZE)
        builder.start()
        return [done.get(timeout=TIMEOUT_S) for _ in submits]

    return build_all


def test_constraints_come_back_with_whose_they_are(build, tmp_path):
    save_tokenizer(tmp_path)
    submits = [submit('start: "a"', 7), submit('start: "b"', 8)]

    first, second = build(tmp_path, *submits)

    assert (first.connection_id, first.submit) == (0, submits[0])
    assert (second.connection_id, second.submit) == (1, submits[1])
    for built, text in ((first, "a"), (second, "b")):
        assert np.array_equal(built.constraint.mask, bits_of(ids(text), VOCAB_SIZE))


@pytest.mark.parametrize(
    ("grammar", "message"),
    [
        ("start: /[/", "grammar: at 1.*invalid regex"),
        ('start: "\u00e9"', "grammar: "),
    ],
    ids=["does not compile", "no token for it"],
)
def test_a_grammar_that_cannot_be_used_is_refused_and_the_next_is_built(
    build, tmp_path, grammar, message
):
    save_tokenizer(tmp_path)

    refused, taken = build(tmp_path, submit(grammar), submit('start: "a"'))

    assert refused.constraint is None
    assert re.match(message, refused.refusal)
    assert taken.constraint is not None


def test_a_model_without_a_vocabulary_refuses_grammars_with_its_path(build, tmp_path):
    (built,) = build(tmp_path, submit('start: "a"'))

    assert built.constraint is None
    assert str(tmp_path / "tokenizer.json") in built.refusal


def test_a_failure_nobody_thought_of_refuses_too(build, tmp_path, monkeypatch, caplog):
    def break_down(path):
        raise RecursionError("too deep")

    monkeypatch.setattr(constraint_builder, "read_vocabulary", break_down)
    with caplog.at_level(logging.CRITICAL):
        (built,) = build(tmp_path, submit('start: "a"'))

    assert "RecursionError: too deep" in built.refusal


def test_a_grammar_that_breaks_the_compiler_is_refused_and_the_next_is_built(
    build, tmp_path, monkeypatch, caplog
):
    """A panic of llguidance's is no Exception; without an answer its request waits."""
    save_tokenizer(tmp_path)
    built = constraint_builder.built

    def panic_once(*arguments):
        monkeypatch.setattr(constraint_builder, "built", built)
        raise BaseException("index out of bounds")

    monkeypatch.setattr(constraint_builder, "built", panic_once)
    with caplog.at_level(logging.CRITICAL):
        first, second = build(tmp_path, submit('start: "a"', 7), submit('start: "b"'))

    assert first.constraint is None
    assert "index out of bounds" in first.refusal
    assert second.constraint is not None
