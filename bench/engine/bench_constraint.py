"""Milliseconds of a decode step with no, one and all rows under a JSON schema.

A mask is made while the forward pass runs, so a constrained row should cost its batch
next to nothing; the goal is at most 10 % of a step. The three batches of a size decode
in turn, a few steps each, in the engine's own generator and drawn at temperature 1. The
ratios are medians over the turns of (with constraints / without, in the same turn).
Prints a table and, last, one line of JSON.

    python -m pensieve.bench.engine.bench_constraint [--model smollm2] [--turns 12]
"""

import argparse
import json
import statistics
import time
from pathlib import Path

from pensieve.engine.blas import preload

from ..record import record

preload()

import mlx.core as mx  # noqa: E402  (OpenBLAS comes first)
import mlx.nn as nn  # noqa: E402

from pensieve.engine.constraints.constraint import ActiveConstraint  # noqa: E402
from pensieve.engine.constraints.grammar import GrammarCompiler  # noqa: E402
from pensieve.engine.generation.decoding import Row  # noqa: E402
from pensieve.engine.generation.generator import Generator  # noqa: E402
from pensieve.engine.sampling.best_sampler import best_sampler  # noqa: E402
from pensieve.engine.sampling.sequence import draws_of  # noqa: E402
from pensieve.engine.warm_up import logits_form  # noqa: E402
from pensieve.engine.weights.load import load  # noqa: E402
from pensieve.link.messages import Constraint, SamplingParams, Submit  # noqa: E402
from pensieve.models import files, store  # noqa: E402
from pensieve.models.vocabulary import read_vocabulary  # noqa: E402

BATCH_SIZES = (4, 8)
PROMPT = list(range(1000, 1064))
STEPS = 8
"""Decode steps of a turn."""
GOAL = 1.1

ITEM = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 30},
        "kind": {"enum": ["file", "folder", "link"]},
        "size": {"type": "integer", "minimum": 0, "maximum": 999999},
        "tags": {"type": "array", "items": {"type": "string", "maxLength": 12}},
    },
    "required": ["name", "kind", "size", "tags"],
    "additionalProperties": False,
}
SCHEMA = {
    "type": "array",
    "items": ITEM,
    "minItems": 500,  # does not end within a run
    "x-guidance": {"whitespace_flexible": False},
}
GRAMMAR = f"start: %json {json.dumps(SCHEMA)}"


class Batch:
    """One batch of the engine's generator, some of its rows constrained."""

    def __init__(
        self,
        model: nn.Module,
        compiler: GrammarCompiler,
        end_token_ids: list[int],
        num_rows: int,
        num_constrained: int,
    ) -> None:
        size, dtype = logits_form(model)
        sampler = best_sampler(size, dtype).sampler
        self._generator: Generator[int] = Generator(model, sampler=sampler)
        for i in range(num_rows):
            is_constrained = i < num_constrained
            submit = Submit(
                sequence_id=i,
                token_ids=PROMPT,
                max_tokens=1 << 30,
                end_token_ids=end_token_ids if is_constrained else [],
                sampling=SamplingParams(seed=i),
                prompt_size=len(PROMPT),
                constraint=Constraint(GRAMMAR if is_constrained else ""),
            )
            row = Row(
                i,
                submit.max_tokens,
                submit.end_token_ids,
                draws_of(submit, size),
                ActiveConstraint(submit, size, compiler.matcher(GRAMMAR))
                if is_constrained
                else None,
            )
            self._generator.insert(row, PROMPT)
            self._generator.prefill(i, len(PROMPT) - 1)
        self._num_rows = num_rows

    def step_ms(self) -> float:
        """Return the milliseconds of a step, the mean of a turn."""
        mx.synchronize()
        began = time.perf_counter()
        for _ in range(STEPS):
            tokens = self._generator.decode()
            assert len(tokens) == self._num_rows
            assert not any(token.is_last for token in tokens)
        mx.synchronize()
        return (time.perf_counter() - began) / STEPS * 1000


def compare(batches: dict[str, Batch], turns: int) -> dict[str, float]:
    """Run the batches in turn and return medians; the first is the baseline."""
    for batch in batches.values():
        batch.step_ms()
    rows = []
    for turn in range(turns):
        names = list(batches)
        order = names[turn % len(names) :] + names[: turn % len(names)]
        rows.append({name: batches[name].step_ms() for name in order})
    base = next(iter(batches))
    figures = {
        f"{name}_ms": statistics.median(row[name] for row in rows) for name in batches
    }
    for name in list(batches)[1:]:
        ratios = [row[name] / row[base] for row in rows]
        figures[f"{name}_ratio"] = statistics.median(ratios)
    return figures


def main() -> None:
    """Measure, and print the table, the goals and the JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--turns", type=int, default=12)
    options = parser.parse_args()

    path: Path = store.resolve(options.model)
    end_token_ids = files.describe(path).end_token_ids
    model = load(path).model
    compiler = GrammarCompiler(read_vocabulary(path))
    results: dict[str, dict[str, float]] = {}
    for num_rows in BATCH_SIZES:
        batches = {
            name: Batch(model, compiler, end_token_ids, num_rows, num_constrained)
            for name, num_constrained in (
                ("unconstrained", 0),
                ("one_constrained", 1),
                ("all_constrained", num_rows),
            )
        }
        results[f"rows_{num_rows}"] = compare(batches, options.turns)
    for name, figures in results.items():
        for figure, value in figures.items():
            print(f"{name:10} {figure:24} {value:10.3f}")
            if figure.endswith("_ratio"):
                print(f"{'met' if value <= GOAL else 'NOT MET'} at most {GOAL}")
    print(record("constraint", {"model": options.model, **results}))


if __name__ == "__main__":
    main()
