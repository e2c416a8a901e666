"""`pensieve-bench serve`: a server, and its rivals beside it, in turn."""

import contextlib
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import click

from pensieve.errors import PensieveError
from pensieve.models import store

from ..ending import Ending, ending_options, finish
from ..outcome import Outcome, outcome
from ..rivals import RIVALS, Rival, named
from .arrivals import Api, Endpoint, ask
from .prompts import TextMaker
from .replay import DEFAULT_DIVISOR, read_trace, replay
from .scenarios import MORE_IS_BETTER, Values, first_token, gaps, streams, unit_of
from .servers import Commanded, Given, OwnPensieve, Server

Scenario = Callable[[Server, int], Values]
SCENARIOS = ("first_token", "gap", "streams", "trace")


def rival(_: click.Context, __: click.Parameter, words: tuple[str, ...]) -> list[Rival]:
    """Return the rivals that an option names."""
    try:
        return [named(word) for word in words]
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def numbers(_: click.Context, __: click.Parameter, word: str) -> list[int]:
    """Return the numbers in a list like 1,2,4."""
    try:
        values = [int(each) for each in word.split(",")]
        if min(values) < 1:
            raise ValueError
    except ValueError:
        raise click.BadParameter(
            f"expected whole numbers from 1, got {word!r}"
        ) from None
    return values


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(SCENARIOS))
@click.option("--url", help="A server that runs already. [default: starts Pensieve]")
@click.option("--key", default="pensieve-local-token", help="Its key.")
@click.option(
    "--model",
    default="smollm2",
    show_default=True,
    help="What Pensieve and the rivals serve; with --url: the name in requests.",
)
@click.option("--api", type=click.Choice(["anthropic", "openai"]), default="anthropic")
@click.option(
    "--rival",
    "rivals",
    multiple=True,
    metavar="NAME|COMMAND",
    callback=rival,
    help=f"Measured beside it: one of {', '.join(RIVALS)}; or a command with {{port}}"
    " in it, and perhaps {model}, with `openai:` before it if it speaks that API only."
    " The first is the baseline.",
)
@click.option(
    "--rival-model",
    metavar="PATH",
    help="What rivals serve, where that is another file than Pensieve's.",
)
@click.option("--rounds", type=click.IntRange(1), default=6, show_default=True)
@click.option("--prompt", type=click.IntRange(1), default=1000, show_default=True)
@click.option("--tokens", type=click.IntRange(2), default=64, show_default=True)
@click.option(
    "--streams",
    "num_streams",
    default="1,2,4,8",
    show_default=True,
    callback=numbers,
    help="Answers at once.",
)
@click.option(
    "--trace",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A recorded session, to be sent again (see bench/serve/replay.py).",
)
@click.option("--trace-requests", type=click.IntRange(1), default=20, show_default=True)
@click.option(
    "--trace-divide",
    type=click.IntRange(1),
    default=DEFAULT_DIVISOR,
    show_default=True,
    help="Blocks so many times shorter, for models with a small window.",
)
@ending_options
def serve(names: tuple[str, ...], rivals: list[Rival], **asked: Any) -> None:
    """Whole servers: waits for the first token, gaps, tokens a second, a trace.

    "restarted" is the wait for the first token of a known prompt after the server was
    ended and started again; only servers that this command started are.
    """
    ending = Ending(*(asked.pop(name) for name in Ending._fields))
    ending.check("serve")
    chosen = names or tuple(each for each in SCENARIOS if each != "trace")
    if asked["trace"]:
        chosen = tuple({*chosen, "trace"})
    elif "trace" in chosen:
        raise click.UsageError("trace: expected --trace FILE beside it")
    with contextlib.ExitStack() as stack:
        servers = list(_servers(stack, rivals, asked))
        texts = _warmed(servers)
        plan = _plan(chosen, texts, asked)
        outcomes = measure(servers, plan, asked["rounds"], _tell)
    # Names, not paths: a result is there to be shared.
    model, trace = Path(asked["model"]).name, asked["trace"] and asked["trace"].name
    sizes = ("rounds", "prompt", "tokens", "trace_requests", "trace_divide")
    told = {name: asked[name] for name in sizes}
    finish("serve", outcomes, ending, **told, model=model, trace=trace)


def _servers(
    stack: contextlib.ExitStack, rivals: list[Rival], asked: dict[str, Any]
) -> Iterator[Server]:
    """Yield the subject and then its rivals, each ended with the stack."""
    missing = [each.name for each in rivals if not each.is_installed]
    if missing:
        raise PensieveError(f"not installed here: {', '.join(missing)}")
    subject: Server
    model = asked["model"]
    if asked["url"]:
        api: Api = asked["api"]
        subject = Given(
            "given", Endpoint(asked["url"].rstrip("/"), asked["key"], model, api)
        )
    else:
        model = str(store.resolve(model))
        _tell("starting pensieve")
        subject = OwnPensieve(model)
    stack.callback(subject.close)
    yield subject
    for each in rivals:
        _tell(f"starting {each.name}")
        server = Commanded(each, asked["rival_model"] or model)
        stack.callback(server.close)
        yield server


def _warmed(servers: list[Server]) -> TextMaker:
    """Have every server answer once, and return what makes texts."""
    run = uuid.uuid4().hex
    texts = TextMaker.for_endpoint(servers[0].endpoint, run)
    for server in servers:
        _tell(f"warming {server.name}")
        ask(server.endpoint, texts.prompt(100, "warm-up"), 8)
    return texts


def _plan(
    names: tuple[str, ...], texts: TextMaker, asked: dict[str, Any]
) -> list[Scenario]:
    """Return what is done with each server in a round."""
    prompt, tokens = asked["prompt"], asked["tokens"]
    plan: list[Scenario] = []
    if "first_token" in names:
        plan.append(
            lambda server, turn: first_token(
                server, texts, prompt, turn, server.can_restart
            )
        )
    if "gap" in names:
        plan.append(lambda server, turn: gaps(server.endpoint, texts, tokens, turn))
    if "streams" in names:
        plan += [
            partial(_streams, texts=texts, num_streams=each, max_tokens=tokens)
            for each in asked["num_streams"]
        ]
    if "trace" in names:
        trace = read_trace(
            asked["trace"], asked["trace_requests"], asked["trace_divide"]
        )
        plan.append(
            lambda server, turn: replay(server.endpoint, texts, trace, tokens, turn)
        )
    return plan


def _streams(
    server: Server, turn: int, *, texts: TextMaker, num_streams: int, max_tokens: int
) -> Values:
    return streams(server.endpoint, texts, num_streams, max_tokens, turn)


def measure(
    servers: list[Server],
    plan: list[Scenario],
    rounds: int,
    tell: Callable[[str], None] = lambda _: None,
) -> list[Outcome]:
    """Do the plan with the servers in turn, round by round; who begins rotates."""
    figures: dict[str, dict[str, list[float]]] = {}
    for turn in range(rounds):
        tell(f"round {turn + 1} of {rounds}")
        first = turn % len(servers)
        for scenario in plan:
            values = {
                server.name: scenario(server, turn)
                for server in servers[first:] + servers[:first]
            }
            for server in servers:  # the subject first, as it is shown
                for figure, value in values[server.name].items():
                    rows = figures.setdefault(figure, {})
                    rows.setdefault(server.name, []).append(value)
    return [
        _outcome(figure, by_server, rounds) for figure, by_server in figures.items()
    ]


def _outcome(figure: str, values: dict[str, list[float]], rounds: int) -> Outcome:
    whole = {name: each for name, each in values.items() if len(each) == rounds}
    lacking = [name for name in values if name not in whole]
    return outcome(
        figure,
        whole,
        unit=unit_of(figure),
        is_more_better=figure.startswith(MORE_IS_BETTER),
        skipped=", ".join(f"{name}: not in every round" for name in lacking),
    )


def _tell(what: str) -> None:
    click.echo(f"  {what}", err=True)
