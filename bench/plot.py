"""A run as a drawing: each case's figures over its baseline's. Needs matplotlib."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import click

from .outcome import Outcome

FORMATS = (".svg", ".png", ".pdf")


def check(path: Path) -> None:
    """See that a drawing can be made.

    Raises:
        ClickException: not to this kind of file, or not here.
    """
    if path.suffix not in FORMATS:
        raise click.ClickException(
            f"--plot: expected a file of {', '.join(FORMATS)}, got {path.name!r}"
        )
    if find_spec("matplotlib") is None:
        raise click.ClickException(
            "--plot needs matplotlib, which is not installed:"
            " pip install 'pensieve[bench]'"
        )


def draw(path: Path, suite: str, outcomes: Sequence[Outcome]) -> None:
    """Draw each case that has a baseline: what it takes, the baseline's being 1."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot

    drawn = [each for each in outcomes if each.ratio]
    if not drawn:
        raise click.ClickException("--plot: expected a case with a baseline, got none")
    figure, axes = pyplot.subplots(
        figsize=(8, 1.2 + 0.45 * len(drawn)), layout="constrained"
    )
    for i, outcome in enumerate(drawn):
        ratio = outcome.ratio
        assert ratio
        axes.plot([ratio.low, ratio.high], [i, i], color="tab:blue", linewidth=3)
        axes.plot(ratio.median, i, "o", color="tab:blue")
        base = outcome.spreads[outcome.baseline].median
        for name in [*outcome.spreads][2:]:
            axes.plot(outcome.spreads[name].median / base, i, "x", color="tab:grey")
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xscale("log")
    labels = [f"{each.name}\nover {each.baseline}" for each in drawn]
    axes.set_yticks(range(len(drawn)), labels, fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("over the baseline: median and its 95 % interval; crosses: others")
    axes.set_title(f"pensieve-bench {suite}")
    figure.savefig(path)
    pyplot.close(figure)
