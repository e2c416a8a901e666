"""Rows under grammars among rows without; what decodes without them: test_generator."""

import mlx.core as mx
import pytest
import regex
from engine.character_vocabulary import END, VOCABULARY, ids, text
from engine.tiny_models import VOCAB_SIZE, tiny_gemma3, tiny_llama
from reference.constrained_generation import greedy_answer

from pensieve.engine.constraints.constraint import ActiveConstraint
from pensieve.engine.constraints.grammar import GrammarCompiler, GrammarError
from pensieve.engine.generation.decoding import Row, Token, sample
from pensieve.engine.generation.generator import Generator
from pensieve.engine.sampling.gumbel import vocabulary_noise
from pensieve.engine.sampling.sampler import greedy, sampler_for
from pensieve.link.messages import Constraint, SamplingParams, Submit

NOISE = vocabulary_noise(VOCAB_SIZE)
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
        sampler_for(params, len(prompt), NOISE),
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


def test_a_masked_draw_is_one_of_the_renormalised_distribution():
    """Frequencies over many positions, against the probabilities of what is allowed."""
    logits = mx.array([[0.0, 1.0, 2.0, 3.0, 4.0, 0.5]])
    logprobs = logits - mx.logsumexp(logits, axis=-1, keepdims=True)
    mask = [False, True, False, True, False, True]
    sampler = sampler_for(SamplingParams(seed=3), 0, vocabulary_noise(6))
    drawing = Row("a", 1, [], sampler)

    num_draws = 4000
    counts = [0] * 6
    for _ in range(num_draws):
        counts[int(sample([drawing], logprobs, [mask])[0])] += 1

    weights = [mx.exp(logits[0, i]).item() if mask[i] else 0.0 for i in range(6)]
    for count, weight in zip(counts, weights, strict=True):
        expected = num_draws * weight / sum(weights)
        assert abs(count - expected) <= 4 * max(1.0, expected) ** 0.5


def test_greedy_rows_are_sampled_in_one_call():
    calls = []

    def counting(logprobs):
        calls.append(logprobs.shape)
        return greedy(logprobs)

    rows = [Row(i, 1, [], counting) for i in range(3)]

    sample(rows, mx.zeros((3, 4)), [None, [False, True, False, False], None])

    assert calls == [(3, 4)]
