"""`pensieve-bench native` and `kernels`: cases in this process, and in two builds."""

import tempfile
from pathlib import Path
from typing import Any

import click

from .against import ROUNDS, compare_builds
from .builds import Build, WorkerError, named
from .case import Case, chosen
from .ending import Ending, ending_options, finish
from .outcome import Change
from .runner import run_cases
from .spread import FLOOR, verdict
from .timing import CPU, SLICE_S, WALL, Clock

DEFAULT_ROUNDS = 15


def build(_: click.Context, __: click.Parameter, word: str | None) -> Build | None:
    """Return the build that an option names."""
    if word is None:
        return None
    try:
        return named(word)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.command()
@click.argument("names", nargs=-1)
@click.option("--list", "only_list", is_flag=True, help="Name the cases.")
@click.option(
    "--rounds",
    type=click.IntRange(min=1),
    help="Rounds, each with one slice of every function; of --against: pairs of"
    f" processes. [default: {DEFAULT_ROUNDS}; {ROUNDS}]",
)
@click.option(
    "--against",
    metavar="PYTHON_OR_PATH",
    callback=build,
    help="Compare this build with another in one run: an interpreter, a virtual"
    " environment, or the target of `pip install --target`. Slices in turn on CPU"
    f" time, in {ROUNDS} pairs of processes. Exits with 1 where this build is slower:"
    " the 95 % interval of the quotients of the pairs (order statistics) lies as a"
    f" whole beyond {FLOOR:.0%}.",
)
@click.option(
    "--build",
    "subject",
    metavar="PYTHON_OR_PATH",
    default="",
    callback=build,
    help="With --against: the build that is measured, instead of this one.",
)
@ending_options
def native(
    names: tuple[str, ...],
    only_list: bool,
    rounds: int | None,
    against: Build | None,
    subject: Build,
    **asked: Any,
) -> None:
    """Compiled modules, against plain Python and rival libraries; CPU time."""
    from .native import CASES

    ending = Ending(**asked)
    cases = _cases(CASES, names)
    if only_list:
        return _name(cases)
    ending.check("native")
    if against is None:
        return _run("native", cases, rounds or DEFAULT_ROUNDS, CPU, ending)
    with tempfile.TemporaryDirectory() as folder:
        try:
            outcomes, modules = compare_builds(
                *(subject, against, cases, Path(folder)),
                *(rounds or ROUNDS, _tell),
            )
        except WorkerError as error:
            raise click.ClickException(str(error)) from error
    changes = [
        Change(each.name, "CPU time", each.ratio, verdict(each.ratio))
        for each in outcomes
        if each.ratio
    ]
    same = [n for n, s in modules["new"].items() if modules["old"].get(n) == s]
    if same:
        click.echo(f"The same file in both builds: {', '.join(same)}")
    finish("native", outcomes, ending, changes, modules=modules)


@click.command()
@click.argument("names", nargs=-1)
@click.option("--list", "only_list", is_flag=True, help="Name the cases.")
@click.option(
    "--rounds", type=click.IntRange(min=1), default=DEFAULT_ROUNDS, show_default=True
)
@click.option(
    "--cpu-time",
    is_flag=True,
    help="Of this process, all threads: for a machine that does other things, and no"
    " GPU. [default: wall time]",
)
@ending_options
def kernels(
    names: tuple[str, ...],
    only_list: bool,
    rounds: int,
    cpu_time: bool,
    **asked: Any,
) -> None:
    """Sampling: noise, filters, penalties, against mlx-lm's own sampler."""
    from .kernels import CASES

    ending = Ending(**asked)
    cases = _cases(CASES, names)
    if only_list:
        return _name(cases)
    ending.check("kernels")
    _run("kernels", cases, rounds, CPU if cpu_time else WALL, ending)


def _cases(cases: list[Case], names: tuple[str, ...]) -> list[Case]:
    try:
        return chosen(cases, names)
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def _name(cases: list[Case]) -> None:
    for case in cases:
        click.echo(case.name)


def _run(
    suite: str, cases: list[Case], rounds: int, clock: Clock, ending: Ending
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        outcomes = [
            *run_cases(cases, Path(folder), rounds, clock, SLICE_S, _tell),
        ]
    times = "CPU" if clock is CPU else "wall"
    finish(suite, outcomes, ending, rounds=rounds, clock=times)


def _tell(what: str) -> None:
    """Say on stderr what goes on: standard output is for results."""
    click.echo(f"  {what}", err=True)
