"""`pensieve-bench engine`: the scripts of this folder, one after the other.

Each is a process of its own and measures as it always did, its own baselines within;
its figures are taken from the line of JSON that it ends with.
"""

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import click

from ..ending import Ending, ending_options, finish
from ..outcome import Outcome, outcome


class Script(NamedTuple):
    """One bench."""

    name: str
    module: str
    what: str
    takes_model: bool = True


SCRIPTS = {
    each.name: each
    for each in (
        Script("prefix", "bench_prefix", "first token: cold, memory, disk, in hand"),
        Script("interleave", "bench_interleave", "a stream beside a long prompt"),
        Script("disk_restore", "bench_disk_restore", "restore / plain read", False),
        Script("constraint", "bench_constraint", "a step with and without grammars"),
    )
}
MORE_IS_BETTER = ("tokens_per_s", "gb_per_s", "decode_ratio", "whole_ratio")
GIVEN = (
    *("model", "times", "tokens", "layers", "heads", "width", "pairs", "bits", "dtype"),
    *("prompt_tokens", "new_tokens", "answer_tokens", "num_files", "megabytes"),
    *("read_mb", "chunk_tokens", "num_gaps", "num_over_target"),
)
"""What a script was told or found, and did not measure."""
UNITS = {"_ms": "ms", "_s": "s", "tokens_per_s": "tokens/s", "gb_per_s": "GB/s"}


@click.command()
@click.argument("names", nargs=-1, type=click.Choice([*SCRIPTS]))
@click.option("--model", default="smollm2", show_default=True)
@click.option(
    "--rounds",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Runs of each script. It takes six to say that something has changed.",
)
@click.option(
    "--arguments",
    default="",
    help="More for the script, where one alone is named, such as '--rounds 3'.",
)
@ending_options
def engine(
    names: tuple[str, ...], model: str, rounds: int, arguments: str, **asked: Any
) -> None:
    """The engine in one process: prefixes, interleaving, disk, constraints."""
    ending = Ending(**asked)
    ending.check("engine")
    if arguments and len(names) != 1:
        raise click.UsageError("--arguments: expected one script beside it")
    outcomes: list[Outcome] = []
    for name in names or SCRIPTS:
        script = SCRIPTS[name]
        words = ["--model", model] if script.takes_model else []
        runs = [
            _figures(script, [*words, *shlex.split(arguments)]) for _ in range(rounds)
        ]
        outcomes += _outcomes(name, runs)
    finish("engine", outcomes, ending, model=Path(model).name, rounds=rounds)


def _figures(script: Script, words: list[str]) -> Mapping[str, Any]:
    click.echo(f"  {script.name}: {script.what}", err=True)
    package = __package__ or ""
    done = subprocess.run(
        [sys.executable, "-m", f"{package}.{script.module}", *words],
        stdout=subprocess.PIPE,
        text=True,
    )
    lines = done.stdout.splitlines()
    for line in lines[:-1]:
        click.echo(f"    {line}")
    if done.returncode or not lines:
        raise click.ClickException(f"{script.module} ended with {done.returncode}")
    figures: dict[str, Any] = json.loads(lines[-1])["figures"]
    return figures


def _outcomes(name: str, runs: list[Mapping[str, Any]]) -> list[Outcome]:
    measured = [dict(flat(name, run)) for run in runs]
    return [
        outcome(
            figure,
            {"pensieve": [run[figure] for run in measured]},
            unit=unit_of(figure),
            is_more_better=figure.endswith(MORE_IS_BETTER),
        )
        for figure in measured[0]
        if all(figure in run for run in measured)
    ]


def flat(prefix: str, figures: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Yield the figures that were measured, those in groups by `group.name`."""
    for name, value in figures.items():
        if isinstance(value, Mapping):
            yield from flat(f"{prefix}.{name}", value)
        elif isinstance(value, int | float) and name not in GIVEN:
            yield f"{prefix}.{name}", float(value)


def unit_of(figure: str) -> str:
    """Return the unit that a figure's name ends with; none: it is a ratio."""
    fitting = [ending for ending in UNITS if figure.endswith(ending)]
    return UNITS[max(fitting, key=len)] if fitting else ""
