"""Rows under grammars among rows without; what decodes without them: test_generator."""

import mlx.core as mx
import pytest
import regex
from engine.character_vocabulary import END, VOCABULARY, ids, text
from engine.tiny_models import VOCAB_SIZE, tiny_gemma3, tiny_llama
from reference.constrained_generation import greedy_answer

from pensieve.engine.constraints.constraint import ActiveConstraint
from pensieve.engine.constraints.grammar import GrammarCompiler, GrammarError
from pensieve.engine.generation.decoding import Row, Token
from pensieve.engine.generation.generator import Generator
from pensieve.engine.sampling.operations import draw_by_operations
from pensieve.engine.sampling.sampler import NOT_A_NUMBER
from pensieve.engine.sampling.sequence import draws_of
from pensieve.link.messages import Constraint, SamplingParams, Submit

TEXTS = [token_bytes.decode() for token_bytes in VOCABULARY.token_bytes]
PROMPTS = [ids("once"), ids("upon a time"), ids("there was"), ids("x")]
PATTERNS = [
    r"[a-z]{3,9}[.!]",
    r"(yes|no|perhaps)( [0-9]{1,3}){2}",
    r'\{"a":"[^"\\]{0,8}","b":[0-9]{1,4}\}',
    r"[ -~]*",
]


@pytest.fixture(
    scope="module", params=[tiny_llama, tiny_gemma3], ids=["llama", "gemma3"]
)
def model(request):
    return request.param()


@pytest.fixture(scope="module")
def compiler():
    return GrammarCompiler(VOCABULARY)


def row(key, compiler, prompt, pattern=None, seed=None, max_tokens=30) -> Row:
    """Return a row, greedy where there is no seed."""
    params = SamplingParams(seed or 0, temperature=0 if seed is None else 1)
    grammar = f"start: /{pattern}/" if pattern else ""
    submit = Submit(
        1, prompt, max_tokens, [END], params, len(prompt), Constraint(grammar)
    )
    return Row(
        key,
        max_tokens,
        [END],
        draws_of(submit, VOCAB_SIZE),
        ActiveConstraint(submit, VOCAB_SIZE, compiler.matcher(grammar))
        if grammar
        else None,
    )


def run(generator: Generator, *rows_and_prompts) -> dict[object, list[Token]]:
    """Let the rows come one step after the other; return what each got."""
    got: dict[object, list[Token]] = {row.key: [] for row, _ in rows_and_prompts}
    coming = list(rows_and_prompts)
    while True:
        if coming:
            row, prompt = coming.pop(0)
            generator.insert(row, prompt)
            generator.prefill(row.key, len(prompt) - 1)
        step = generator.decode()
        if not step and not coming:
            return got
        for token in step:
            got[token.key].append(token)


def answer(tokens: list[Token]) -> list[int]:
    return [token.token_id for token in tokens if token.finish_reason != "end_token"]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_greedy_row_gets_the_likeliest_tokens_that_its_grammar_allows(
    model, compiler, pattern
):
    prompt = PROMPTS[1]
    got = run(Generator(model), (row("a", compiler, prompt, pattern), prompt))

    expected = greedy_answer(model, prompt, pattern, TEXTS, END, 30)
    assert answer(got["a"]) == expected


@pytest.mark.parametrize("seed", [None, 1, 2])
def test_each_row_gets_in_any_batch_what_it_gets_alone(model, compiler, seed):
    patterns = [None, *PATTERNS, None]
    rows = [(PROMPTS[i % 4], pattern, seed) for i, pattern in enumerate(patterns)]
    alone = {
        i: run(Generator(model), (row(i, compiler, *each), each[0]))[i]
        for i, each in enumerate(rows)
    }

    together = run(
        Generator(model),
        *((row(i, compiler, *each), each[0]) for i, each in enumerate(rows)),
    )

    assert together == alone


@pytest.mark.parametrize("seed", range(5))
def test_a_drawn_answer_matches_its_pattern(model, compiler, seed):
    rows = [(PROMPTS[i], PATTERNS[i], seed) for i in range(3)]
    got = run(
        Generator(model),
        *((row(i, compiler, *each), each[0]) for i, each in enumerate(rows)),
    )

    for i, tokens in got.items():
        assert tokens[-1].finish_reason == "end_token"
        assert regex.fullmatch(PATTERNS[i], text(answer(tokens)))


def test_rows_that_are_removed_take_their_constraints_along(model, compiler):
    generator = Generator(model)
    rows = {
        key: row(key, compiler, PROMPTS[i], PATTERNS[i]) for i, key in enumerate("abc")
    }
    for i, key in enumerate("abc"):
        generator.insert(rows[key], PROMPTS[i])
        generator.prefill(key, len(PROMPTS[i]) - 1)
    first = {token.key: token for token in generator.decode()}

    generator.remove("b")

    got = {"a": [first["a"]], "c": [first["c"]]}
    while step := generator.decode():
        for token in step:
            got[token.key].append(token)
    for i, key in ((0, "a"), (2, "c")):
        expected = greedy_answer(model, PROMPTS[i], PATTERNS[i], TEXTS, END, 30)
        assert answer(got[key]) == expected


def test_an_error_of_a_grammar_ends_its_own_sequence_alone(
    model, compiler, monkeypatch
):
    broken = row("broken", compiler, PROMPTS[0], PATTERNS[0])
    whole = row("whole", compiler, PROMPTS[1], PATTERNS[1])
    advance = broken.constraint.advance
    advanced = []

    def break_down(token_id):
        advanced.append(token_id)
        if len(advanced) == 3:
            raise GrammarError("too many items")
        advance(token_id)

    monkeypatch.setattr(broken.constraint, "advance", break_down)

    got = run(Generator(model), (broken, PROMPTS[0]), (whole, PROMPTS[1]))

    assert [token.failure for token in got["broken"]] == [
        *("", "", "grammar: too many items")
    ]
    assert answer(got["whole"]) == greedy_answer(
        model, PROMPTS[1], PATTERNS[1], TEXTS, END, 30
    )


def test_a_row_whose_draw_fails_ends_alone_and_is_not_kept(model, compiler):
    failing, whole = (
        row("failing", compiler, PROMPTS[0]),
        row("a", compiler, PROMPTS[1]),
    )
    kept = []

    def sampler(logits, sequences, masks):
        drawn = draw_by_operations(logits, sequences, masks)
        if len(sequences) == 1:
            return drawn
        errors = mx.array([NOT_A_NUMBER, 0], mx.uint32)
        return drawn._replace(errors=errors)

    class Watched(Generator):
        def _keep_row(self, row, cache, index):
            kept.append(row.key)
            super()._keep_row(row, cache, index)

    got = run(
        Watched(model, sampler=sampler), (failing, PROMPTS[0]), (whole, PROMPTS[1])
    )

    assert [token.failure for token in got["failing"]] == [
        "",
        "the model's logits are not numbers",
    ]
    assert got["failing"][-1].token_id is None
    assert len(got["a"]) == 30
    assert kept == ["a"]
