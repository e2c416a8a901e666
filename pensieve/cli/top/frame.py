"""A look at a server → what is drawn of it, in as many lines as there are."""

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pensieve.cli.tables import printable
from pensieve.cli.top.reading import Reading
from pensieve.figures.history import EndedRequest, RunningRequest
from pensieve.figures.report import CacheTier, Report, ServedModel
from pensieve.models.sizes import size_text

T = TypeVar("T")

_STYLES = {"ready": "green", "failed": "red", "safe": "green", "caution": "yellow"}
"""Of states; all others are between the two."""

_MIN_ROWS = 2
"""Of each table, however low the terminal is."""


def frame(reading: Reading, height: int) -> RenderableType:
    """Return what is drawn.

    Args:
        height: lines that there are.
    """
    head = [_address(reading)]
    if reading.report is None:
        return Group(*head, _line("", f"{reading.problem}; looking again", "red"))
    report = reading.report
    head += [
        *(_model(each) for each in report.models),
        _memory(report),
        *(_cache(each) for each in report.models if each.cache),
        _first_tokens(report),
        _gaps(report),
        _requests(report),
        _prompts(report),
    ]
    # A blank line and a heading before each of the tables.
    rows = max(2 * _MIN_ROWS, height - len(head) - 4)
    # What one table leaves over, the other may have. Either says so if it is empty.
    wanted, others = max(1, len(report.running)), max(1, len(report.ended))
    num_running = min(wanted, max(rows // 2, rows - others))
    return Group(
        *head,
        Text(),
        _running_table(report.running, num_running),
        Text(),
        _ended_table(report.ended[: rows - num_running]),
    )


# ----- Lines -----


def _line(name: str, text: str, style: str = "") -> Text:
    line = Text(no_wrap=True, overflow="ellipsis")
    line.append(f"{name:<12}", style="dim")
    line.append(printable(text), style=style)
    return line


def _address(reading: Reading) -> Text:
    report = reading.report
    if report is None:
        return _line("server", reading.base_url)
    server = report.server
    up = duration(server.uptime_s)
    return _line("server", f"{reading.base_url}, version {server.version}, up {up}")


def _model(model: ServedModel) -> Text:
    state = _STYLES.get(model.status, "yellow")
    line = _line("model", f"{model.name}: ")
    line.append(model.status, style=state)
    restarts = f", {model.restarts} restarts" if model.restarts else ""
    line.append(
        f", {model.running} running, {model.waiting} waiting,"
        f" {size_text(model.engine_memory_bytes)}{restarts}"
    )
    if model.status != "ready" and model.message:
        line.append(f"; {printable(model.message)}")
    return line


def _memory(report: Report) -> Text:
    memory = report.memory
    line = _line("memory", "")
    line.append(memory.state, style=_STYLES.get(memory.state, "red"))
    line.append(f", {size_text(memory.free_bytes)} free ({memory.bound})")
    if memory.done:
        line.append(f"; last {printable(memory.done)}")
    return line


def _cache(model: ServedModel) -> Text:
    return _line("cache", "; ".join(map(_tier, model.cache)))


def _tier(tier: CacheTier) -> str:
    if not tier.budget_bytes:
        return f"{tier.tier} off"
    used, budget = size_text(tier.bytes), size_text(tier.budget_bytes)
    what = "runs" if tier.tier == "memory" else "files"
    return f"{tier.tier} {used} of {budget}, {tier.entries} {what}"


def _first_tokens(report: Report) -> Text:
    times = [each.seconds for each in report.first_tokens]
    if not times:
        return _line("first token", "none yet")
    median, worst = statistics.median(times), max(times)
    told = f"last {seconds(times[-1])}, median {seconds(median)}, most {seconds(worst)}"
    return _line("first token", f"{told}; of {len(times)} answers")


def _gaps(report: Report) -> Text:
    if not report.gaps:
        return _line("gaps", "none yet")
    mean = statistics.fmean(each.mean_s for each in report.gaps)
    largest = max(each.largest_s for each in report.gaps)
    told = f"mean {seconds(mean)}, most {seconds(largest)}"
    return _line("gaps", f"{told}; of {len(report.gaps)} answers")


def _requests(report: Report) -> Text:
    totals = report.totals
    told = f"{totals.answered} answered, {totals.failed} failed"
    return _line("requests", f"{told}, {totals.client_left} left by their clients")


def _prompts(report: Report) -> Text:
    totals = report.totals
    parts = (totals.memory_tokens, totals.disk_tokens, totals.computed_tokens)
    total = sum(parts)
    if not total:
        return _line("prompts", "none yet")
    memory, disk, computed = (part / total for part in parts)
    told = f"{total} tokens: {memory:.0%} from memory, {disk:.0%} from disk"
    return _line("prompts", f"{told}, {computed:.0%} computed")


# ----- Tables -----


def _running_table(running: Sequence[RunningRequest], num_rows: int) -> Table:
    names = ("Running", "stage", "age", "prompt", "cached", "unread", "out", "tok/s")
    table = _table(names)
    more = len(running) - num_rows
    shown = running if more <= 0 else running[: num_rows - 1]
    for each in shown:
        table.add_row(
            printable(each.model),
            each.stage + (" (batch)" if each.kind == "batch" else ""),
            duration(each.age_s),
            *_counts(each.prompt_tokens, each.cached_tokens, each.unread_tokens),
            str(each.output_tokens),
            _known(each.tokens_per_s, "{:.1f}".format),
        )
    if not running:
        table.add_row("nothing")
    elif more > 0:
        table.add_row(f"and {more + 1} more")
    return table


def _ended_table(ended: Sequence[EndedRequest]) -> Table:
    names = ("Ended", "outcome", "took", "prompt", "cached", "out", "first", "tok/s")
    table = _table(names)
    for each in ended:
        table.add_row(
            f"{_clock(each.began_at)} {printable(each.model)}",
            printable(each.outcome),
            duration(each.took_s),
            *_counts(*_prompt(each)),
            str(each.output_tokens),
            _known(each.first_token_s, seconds),
            _known(each.tokens_per_s, "{:.1f}".format),
        )
    if not ended:
        table.add_row("nothing yet")
    return table


def _table(names: Sequence[str]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), expand=False, header_style="dim")
    for name in names:
        is_text = name in ("Running", "Ended", "stage", "outcome")
        table.add_column(
            name,
            justify="left" if is_text else "right",
            no_wrap=True,
            overflow="ellipsis",
            max_width=24 if is_text else None,
        )
    return table


def _prompt(each: EndedRequest) -> tuple[int | None, int | None]:
    """Return a prompt's tokens, and how many of them were cached."""
    parts = (each.memory_tokens, each.disk_tokens, each.computed_tokens)
    memory, disk, computed = parts
    if memory is None or disk is None or computed is None:
        return None, None
    return memory + disk + computed, memory + disk


def _counts(*counts: int | None) -> Iterator[str]:
    return (_known(count, str) for count in counts)


def _known(value: T | None, shown: Callable[[T], str]) -> str:
    return "-" if value is None else shown(value)


def _clock(at: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(at))


def seconds(value: float) -> str:
    """Return for example "85 ms" or "3.2 s"."""
    return f"{1000 * value:.0f} ms" if value < 1 else f"{value:.1f} s"


def duration(value: float) -> str:
    """Return for example "3 s", "12 min" or "5.1 h"."""
    if value < 120:
        return f"{value:.0f} s"
    minutes = value / 60
    return f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"
