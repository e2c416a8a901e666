"""`pensieve models recommend`: which known coding models this machine can run."""

import json

import click
import msgspec

from pensieve.cli.manual.command import Group
from pensieve.cli.tables import show_table
from pensieve.machine import read_machine
from pensieve.models import recommending
from pensieve.models.recommending import WORK_TOKENS, Advice, advice, best
from pensieve.models.sizes import size_text


@click.group(cls=Group)
def models() -> None:
    """Choose a model."""


@models.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--all", "show_all", is_flag=True, help="Also those that do not fit.")
def recommend(as_json: bool, show_all: bool) -> None:
    """Say which coding models fit this machine, the best first.

    Memory is for 65,536 tokens of conversation. Speed is of an answer's tokens:
    fast from 40 a second, fluent from 15, slow from 6. Both are estimates; "~" marks
    those that rest on another estimate.
    """
    machine = read_machine()
    all_advice = advice(machine)
    shown = [each for each in all_advice if each.fits or show_all]
    if as_json:
        rows = [_row(each) for each in shown]
        body = {"machine": msgspec.to_builtins(machine), "models": rows}
        click.echo(json.dumps(body, indent=2))
        return
    room = size_text(machine.usable_bytes)
    click.echo(f"{machine.chip}: a model may take {room} here ({machine.device}).")
    if not shown:
        click.echo("No known coding model fits; --all lists them.")
        return
    headers = ("Model", "Memory", "Tokens that fit", "Speed", "")
    show_table(headers, [_cells(each) for each in shown])
    choice = best(machine)
    if choice is not None:
        click.echo(f"Fetch the first choice with: pensieve pull {choice.name}")
    if machine.device == "CPU":
        click.echo("On a CPU all of these answer very slowly.")


def advice_in_words() -> str:
    """Return which model to take here instead of one that is too small."""
    return recommending.advice_in_words(read_machine())


def _cells(each: Advice) -> tuple[str, ...]:
    model = each.model
    mark = "~" if model.estimated else ""
    needed = mark + size_text(each.needed_bytes)
    return (
        model.name,
        needed if each.fits else f"{needed}, too much",
        f"{each.max_tokens:,}",
        each.speed,
        model.summary,
    )


def _row(each: Advice) -> dict[str, object]:
    return {
        "name": each.model.name,
        "summary": each.model.summary,
        "fits": each.fits,
        "needed_bytes": each.needed_bytes,
        "work_tokens": WORK_TOKENS,
        "max_tokens": each.max_tokens,
        "context_length": each.model.context_length,
        "speed": each.speed,
        "tokens_per_s": each.tokens_per_s,
        "estimated": list(each.model.estimated),
    }
