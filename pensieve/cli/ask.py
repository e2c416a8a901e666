"""`pensieve ask`: one question over HTTP, the answer streamed to the terminal."""

import sys

import click

from pensieve.cli.answer_options import answer_options
from pensieve.cli.answers import Answer, Asker, shown
from pensieve.cli.manual.command import Command


@click.command(cls=Command)
@click.argument("question")
@answer_options("The most that the answer may have.", max_tokens=1024)
def ask(
    question: str,
    system: str | None,
    max_tokens: int,
    temperature: float | None,
    port: int | None,
) -> None:
    """Ask the running server one QUESTION ("-" reads it from stdin)."""
    asker = Asker(port)
    if question == "-":
        question = sys.stdin.read()
    messages = [{"role": "user", "content": question}]
    answer = asker.ask(messages, max_tokens, system=system, temperature=temperature)
    if _print_answer(answer) == "max_tokens":
        click.echo(f"(Cut at {max_tokens} tokens; --max-tokens allows more.)", err=True)


def _print_answer(answer: Answer) -> str | None:
    """Print the text of the answer as it comes, and return its stop reason."""
    stop_reason = None
    is_mid_line = False
    try:
        for event in answer:
            if event["type"] == "content_block_delta":
                click.echo(shown(event["delta"].get("text", "")), nl=False)
                is_mid_line = True
            if event["type"] == "message_delta":
                stop_reason = event["delta"]["stop_reason"]
    finally:
        if is_mid_line:
            click.echo()
    return stop_reason
