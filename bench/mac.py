"""`pensieve-bench mac`: what a Mac's owner can run with one command, and share.

It checks an old claim, 25 to 40 tokens a second for Phi-3-mini in 4 bits. Pensieve over
HTTP and mlx-lm's own loop on the same weights take turns; then come the kernels.
"""

import contextlib
import json
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path

import click

from pensieve.errors import ModelError, PensieveError
from pensieve.models import files, store
from pensieve.prompt.builder import PromptBuilder
from pensieve.schema.bodies import decode_request

from .case_commands import DEFAULT_ROUNDS
from .mac_facts import facts, is_a_mac
from .outcome import Outcome, outcome
from .report import conditions, figures, markdown_table
from .runner import run_cases
from .serve.arrivals import Answer, ask, body_of
from .serve.bench_serve import Baseline
from .serve.command import numbers
from .serve.prompts import TextMaker
from .serve.servers import OwnPensieve
from .stored import line_of
from .table import amount, console, outcome_table
from .timing import WALL

MODEL = "mlx-community/Phi-3-mini-4k-instruct-4bit"
CLAIM = (25.0, 40.0)
"""Tokens a second that were once said of it, on an M1 or later."""
MEANING = (
    "decode: from the first token on; prefill: the prompt's tokens over the wait for"
    " the first; first_token_warm: another question behind a prompt that is known."
)
LENGTHS = "128,1024,3500"

Rows = dict[str, dict[str, list[float]]]
"""By figure and name, round by round."""


@click.command()
@click.option("--model", default=MODEL, show_default=True, help="Fetched if missing.")
@click.option(
    "--lengths",
    default=LENGTHS,
    show_default=True,
    callback=numbers,
    help="Of the prompts, in tokens; with the answer they have to fit into the window.",
)
@click.option("--tokens", type=click.IntRange(16), default=128, show_default=True)
@click.option("--rounds", type=click.IntRange(1), default=6, show_default=True)
@click.option("--skip-kernels", is_flag=True, help="Leave the kernels out.")
@click.option(
    "--skip-mlx-lm",
    is_flag=True,
    help="Leave mlx-lm's loop out, which has the model in memory a second time.",
)
@click.option(
    "--report",
    "report_path",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    default="pensieve-mac.md",
    show_default=True,
)
def mac(
    model: str,
    lengths: list[int],
    tokens: int,
    rounds: int,
    skip_kernels: bool,
    skip_mlx_lm: bool,
    report_path: Path,
) -> None:
    """Check the claim of 25 to 40 tokens/s for Phi-3-mini, and write a report."""
    if not is_a_mac():
        click.echo(
            "This is no Mac: the claim is not checked; figures are this machine's."
        )
    path = _fetched(model)
    outcomes = _speeds(path, lengths, tokens, rounds, has_baseline=not skip_mlx_lm)
    if not skip_kernels:
        from .kernels import CASES

        with tempfile.TemporaryDirectory() as folder:
            outcomes += run_cases(CASES, Path(folder), DEFAULT_ROUNDS, WALL, tell=_tell)
    said = verdict(model, outcomes, lengths)
    machine = facts()
    line = line_of("mac", outcomes, model=path.name, facts=machine, verdict=said)
    report_path.write_text(report(machine, said, outcomes, line), encoding="utf-8")
    console().print(outcome_table("mac", outcomes))
    click.echo(said)
    click.echo(f"Report: {report_path}")
    click.echo(line)


def _fetched(model: str) -> Path:
    try:
        return store.resolve(model)
    except ModelError:
        _tell(f"fetching {model}")
        done = subprocess.run([sys.executable, "-m", "pensieve", "pull", model])
        if done.returncode:
            raise PensieveError(f"{model}: it could not be fetched") from None
        return store.resolve(model)


def _speeds(
    path: Path, lengths: list[int], tokens: int, rounds: int, has_baseline: bool
) -> list[Outcome]:
    """Return the figures of Pensieve and, in turn, of mlx-lm's loop."""
    prompts = PromptBuilder.open(files.describe(path))
    rows: Rows = {}
    with contextlib.ExitStack() as stack:
        _tell("starting pensieve")
        server = OwnPensieve(str(path))
        stack.callback(server.close)
        baseline = None
        if has_baseline:
            _tell("starting mlx-lm")
            baseline = Baseline(path)
            stack.callback(baseline.close)
        texts = TextMaker.for_endpoint(server.endpoint, uuid.uuid4().hex)

        def ours(length: int, turn: int) -> None:
            seed = (length, turn)
            cold = ask(server.endpoint, texts.prompt(length, seed, 1), tokens)
            _note(rows, "pensieve", length, cold)
            warm = ask(server.endpoint, texts.prompt(length, seed, 2), 2)
            _add(rows, f"first_token_warm.{length}", "pensieve", warm.first_s)

        def theirs(length: int, turn: int) -> None:
            assert baseline
            prompt = texts.prompt(length, (length, turn), 1)
            body = json.dumps(body_of(server.endpoint, prompt, tokens)).encode()
            token_ids = prompts.build(decode_request(body)).token_ids
            (times,) = baseline.token_times([token_ids], tokens)
            answer = Answer(0.0, times, len(token_ids), 0, len(times))
            _note(rows, "mlx-lm", length, answer)

        works = [ours, theirs] if baseline else [ours]
        for turn in range(-1, rounds):
            _tell(f"round {turn + 1} of {rounds}" if turn >= 0 else "warming up")
            for length in lengths:
                for work in works if turn % 2 == 0 else works[::-1]:
                    work(length, turn)
            if turn < 0:
                rows.clear()
    return [
        outcome(
            figure,
            {name: by_name[name] for name in ("pensieve", "mlx-lm") if name in by_name},
            unit="s" if figure.startswith("first_token") else "tokens/s",
            is_more_better=not figure.startswith("first_token"),
        )
        for figure, by_name in rows.items()
    ]


def _note(rows: Rows, name: str, length: int, answer: Answer) -> None:
    """Take a cold answer's speeds: up to the first token, and after it."""
    times = answer.token_times
    _add(rows, f"prefill.{length}", name, answer.input_tokens / answer.first_s)
    if len(times) > 1 and times[-1] > times[0]:
        rate = (len(times) - 1) / (times[-1] - times[0])
        _add(rows, f"decode.{length}", name, rate)


def _add(rows: Rows, figure: str, name: str, value: float) -> None:
    rows.setdefault(figure, {}).setdefault(name, []).append(value)


def verdict(model: str, outcomes: list[Outcome], lengths: list[int]) -> str:
    """Return what the figures say of the claim."""
    low, high = CLAIM
    claim = f"{low:.0f} to {high:.0f} tokens/s for Phi-3-mini in 4 bits"
    figure = f"decode.{min(lengths)}"
    found = next((each for each in outcomes if each.name == figure), None)
    if found is None:
        return f"The claim ({claim}) is not checked: no answer was long enough."
    rate = found.spreads["pensieve"].median
    measured = (
        f"{model} decodes {amount(rate, 'tokens/s')} behind {min(lengths)} tokens"
    )
    if not is_a_mac():
        return f"The claim ({claim}) is not checked: this is no Mac. Here {measured}."
    if model != MODEL:
        return f"The claim ({claim}) is not checked: it is of {MODEL}. {measured}."
    if rate < low:
        return f"The claim ({claim}) does NOT hold here: {measured}."
    more = " (and it is more)" if rate > high else ""
    return f"The claim ({claim}) holds here{more}: {measured}."


def report(
    machine: dict[str, str], said: str, outcomes: list[Outcome], line: str
) -> str:
    """Return the report as Markdown."""
    parts = [
        "# Pensieve on this machine",
        said,
        markdown_table(("", ""), machine.items()),
        conditions(line),
        *figures(outcomes),
        MEANING,
        f"```json\n{line}\n```",
    ]
    return "\n\n".join(parts) + "\n"


def _tell(what: str) -> None:
    click.echo(f"  {what}", err=True)
