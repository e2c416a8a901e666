import json
import random

import numpy as np
import pytest
from reference.regex_mask import allowed

from pensieve.engine.constraints.grammar import (
    GrammarCompiler,
    GrammarError,
    GrammarMatcher,
)
from pensieve.engine.token_bits import unpacked
from pensieve.models.vocabulary import Vocabulary

TEXTS = [
    *"abcdefgortuz0123456789.,-+eE{}[]\":' \n",
    *("ab", "abc", "foo", "foobar", "oba", "bar", "12", "0.", "00", '{"', '":', "true"),
    *("\\n", "\\", "\\u00", "é", "日", "a\n"),
]
CONTROL, HOLE = len(TEXTS), len(TEXTS) + 1
VOCABULARY = Vocabulary(
    [*(text.encode() for text in TEXTS), b"<tool>", b""], frozenset({CONTROL, HOLE})
)
FREE_TEXT = "/(?s:.*)/"


@pytest.fixture(scope="module")
def compiler():
    return GrammarCompiler(VOCABULARY)


def ids(text: str) -> list[int]:
    return [TEXTS.index(character) for character in text]


def after(compiler, grammar: str, token_ids: list[int]):
    """Return the tokens that may come after these, and whether the end may."""
    matcher = compiler.matcher(grammar)
    for token_id in token_ids:
        matcher.advance(token_id)
    may_come, is_complete = allowed_by(matcher)
    return {i for i, may in enumerate(may_come) if may}, is_complete


def allowed_by(matcher: GrammarMatcher):
    """Return a flag for each token, and whether the end may come."""
    bits, is_complete = matcher.allowed()
    return unpacked(bits, matcher.num_tokens), is_complete


PATTERNS = [
    r"a{2,4}(b|cde)*",
    r"-?(0|[1-9][0-9]{0,2})(\.[0-9]{1,2})?([eE][+-]?[0-9]{1,2})?",
    r"(foo|foobar|bar)+",
    r'"([^"\\\n]|\\[n"\\]){0,6}"',
    r"\{\"a\":(true|[0-9]{1,3})(,\"b\":\[[a-f]*\])?\}",
    r"(?s:.){0,5}é?日",
    r"",
]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_masks_on_random_walks_are_those_of_trying_every_token(compiler, pattern):
    choice = random.Random(pattern).choice
    grammar = "start: /" + pattern + "/" if pattern else 'start: ""'
    for _ in range(20):
        matcher, before = compiler.matcher(grammar), ""
        for _ in range(30):
            may_come, is_complete = allowed_by(matcher)
            expected = allowed(pattern, before, TEXTS)

            assert ([bool(may) for may in may_come[:CONTROL]], is_complete) == expected
            assert not may_come[CONTROL:].any()
            if not any(expected[0]):
                break
            token_id = choice([i for i, may in enumerate(expected[0]) if may])
            matcher.advance(token_id)
            before += TEXTS[token_id]


def test_free_text_is_never_a_control_token(compiler):
    may_come, is_complete = after(compiler, f"start: {FREE_TEXT}", ids("ab"))

    assert may_come == set(range(len(TEXTS)))
    assert is_complete


def test_a_token_is_named_by_its_id(compiler):
    grammar = f'start: TEXT <[{CONTROL}]> "12"\nTEXT: {FREE_TEXT}'

    assert after(compiler, grammar, ids("a"))[0] == {*range(len(TEXTS)), CONTROL}
    assert after(compiler, grammar, [*ids("a"), CONTROL])[0] == {
        *ids("1"),
        *tokens("12"),
    }


def tokens(*texts: str) -> list[int]:
    return [TEXTS.index(text) for text in texts]


def test_of_a_prescribed_text_every_split_into_tokens_is_allowed(compiler):
    assert after(compiler, 'start: "foobar"', [])[0] == {*tokens("f", "foo", "foobar")}
    assert after(compiler, 'start: "foobar"', tokens("foo"))[0] == {*tokens("b", "bar")}


def test_where_a_grammar_can_go_nowhere_else_only_the_end_may_come(compiler):
    assert after(compiler, 'start: "a"', tokens("a")) == (set(), True)


def test_matchers_of_one_grammar_do_not_know_of_each_other(compiler):
    first, second = compiler.matcher('start: "ab"'), compiler.matcher('start: "ab"')
    first.advance(*tokens("a"))

    assert np.flatnonzero(allowed_by(second)[0]).tolist() == tokens("a", "ab")


def test_a_schema_without_white_space_gives_compact_json(compiler):
    schema = {
        "type": "object",
        "properties": {"a": {"enum": [True]}},
        "required": ["a"],
        "additionalProperties": False,
        "x-guidance": {"whitespace_flexible": False},
    }
    grammar = f"start: %json {json.dumps(schema)}"

    assert after(compiler, grammar, ids('{"a":'))[0] == {*tokens("t", "true")}
    assert after(compiler, grammar, [*ids('{"a":'), *tokens("true", "}")]) == (
        set(),
        True,
    )


@pytest.mark.parametrize(
    ("grammar", "message"),
    [
        ("start: /[a/", r"at 1\(8\): invalid regex"),
        ('start: "a"\n  | b', 'unknown name: "b"'),
        ("nothing", r"1\(8\): Expected token"),
        ('start: %json {"type":"integer","minimum":5,"maximum":3}', "minimum.*maximum"),
        ('start: %json {"not":{"type":"string"}}', "Unimplemented keys"),
        ("start: <[99]>", "Token range"),
    ],
)
def test_a_grammar_that_does_not_compile_is_refused_in_one_line(
    compiler, grammar, message
):
    with pytest.raises(GrammarError, match=message) as caught:
        compiler.matcher(grammar)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "grammar",
    [
        "start: %json " + '{"$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/a"}}}',
        'start: "Q"',
    ],
    ids=["a reference to itself", "a letter without a token"],
)
def test_a_grammar_that_nothing_satisfies_is_no_answer_that_ended(compiler, grammar):
    with pytest.raises(GrammarError):
        compiler.matcher(grammar).allowed()


def test_a_token_that_the_grammar_refuses_is_an_error_for_good(compiler):
    matcher = compiler.matcher('start: "ab"')

    with pytest.raises(GrammarError):
        matcher.advance(*tokens("b"))
    with pytest.raises(GrammarError):
        matcher.allowed()


def test_old_grammars_are_forgotten_and_compiled_again(monkeypatch):
    monkeypatch.setattr("pensieve.engine.constraints.grammar.MAX_CACHED_GRAMMARS", 2)
    compiler = GrammarCompiler(VOCABULARY)
    compiled = []
    compile_one = compiler._compile
    monkeypatch.setattr(
        compiler, "_compile", lambda text: compiled.append(text) or compile_one(text)
    )

    for text in ("a", "b", "a", "c", "a", "b"):
        compiler.matcher(f'start: "{text}"')

    assert compiled == [f'start: "{text}"' for text in ("a", "b", "c", "b")]
