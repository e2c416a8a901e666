"""A real model under JSON schemas, at temperature 1: each answer ends and validates."""

import json

import jsonschema
import mlx.core as mx
import pytest

from pensieve.engine.constraints.constraint import ActiveConstraint
from pensieve.engine.constraints.grammar import GrammarCompiler
from pensieve.engine.generation.decoding import Row
from pensieve.engine.generation.generator import Generator
from pensieve.engine.sampling.sequence import draws_of
from pensieve.engine.weights.load import load
from pensieve.link.messages import Constraint, SamplingParams, Submit
from pensieve.models.files import describe
from pensieve.models.vocabulary import read_vocabulary
from pensieve.prompt.tokenizer import open_backend

pytestmark = pytest.mark.slow

MAX_TOKENS = 120
WHOLE = {"type": "integer", "minimum": -(10**6), "maximum": 10**6}
SCHEMAS = [
    {
        "type": "object",
        "properties": {
            "name": {"type": "string", "maxLength": 20},
            "mood": {"enum": ["froh", "müde", "怒り", None, 3]},
            "age": {"type": "integer", "minimum": 0, "maximum": 150},
        },
        "required": ["name", "mood", "age"],
        "additionalProperties": False,
    },
    {
        "type": "object",
        "properties": {
            "place": {"$ref": "#/$defs/place"},
            "path": {
                "type": "array",
                "items": {"$ref": "#/$defs/place"},
                "minItems": 1,
                "maxItems": 2,
            },
        },
        "required": ["place", "path"],
        "additionalProperties": False,
        "$defs": {
            "place": {
                "type": "object",
                "properties": {"x": WHOLE, "open": {"type": "boolean"}},
                "required": ["x"],
                "additionalProperties": False,
            }
        },
    },
    {
        "type": "array",
        "items": {"type": "string", "pattern": "^[a-zé]{2,6}$"},
        "minItems": 2,
        "maxItems": 4,
    },
]


@pytest.fixture(scope="module")
def smollm2(smollm2_path):
    return load(smollm2_path).model


def decoded(generator: Generator[int]) -> dict[int, tuple[list[int], str | None]]:
    """Return each row's tokens and why it ended."""
    answers: dict[int, list[int]] = {}
    ends: dict[int, str | None] = {}
    while step := generator.decode():
        for token in step:
            tokens = answers.setdefault(token.key, [])
            if token.finish_reason != "end_token":
                tokens.append(token.token_id)
            if token.is_last:
                ends[token.key] = token.finish_reason
    return {key: (answers[key], ends[key]) for key in answers}


def test_answers_drawn_under_a_schema_end_and_obey_it(smollm2, smollm2_path):
    """Eight rows: two of each schema, and two without, which are left alone."""
    description, vocabulary = describe(smollm2_path), read_vocabulary(smollm2_path)
    compiler = GrammarCompiler(vocabulary)
    vocab_size = len(vocabulary.token_bytes)
    prompt = (
        open_backend(description)
        .encode("<|im_start|>user\nName it.<|im_end|>\n<|im_start|>assistant\n")
        .ids
    )

    def inserted(generator: Generator[int], key: int, schema) -> None:
        options = {"x-guidance": {"whitespace_flexible": False}}
        grammar = f"start: %json {json.dumps(schema | options)}" if schema else ""
        max_tokens = MAX_TOKENS if schema else 12
        submit = Submit(
            key,
            prompt,
            max_tokens,
            description.end_token_ids,
            SamplingParams(seed=key),
            len(prompt),
            Constraint(grammar),
        )
        matcher = compiler.matcher(grammar) if grammar else None
        row = Row(
            key,
            max_tokens,
            submit.end_token_ids,
            draws_of(submit, vocab_size),
            ActiveConstraint(submit, vocab_size, matcher) if matcher else None,
        )
        generator.insert(row, prompt)
        generator.prefill(key, len(prompt) - 1)

    schemas = [*SCHEMAS, None] * 2
    batch: Generator[int] = Generator(smollm2)
    for key, schema in enumerate(schemas):
        inserted(batch, key, schema)
    answers = decoded(batch)

    for key, schema in enumerate(schemas):
        token_ids, end = answers[key]
        if schema is None:
            alone: Generator[int] = Generator(smollm2)
            inserted(alone, key, None)
            assert decoded(alone)[key] == (token_ids, end)
        else:
            answer = b"".join(vocabulary.token_bytes[each] for each in token_ids)
            assert end == "end_token", answer
            jsonschema.validate(json.loads(answer), schema)
    mx.clear_cache()
