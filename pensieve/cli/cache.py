"""`pensieve cache status` and `clear`: what earlier prompts left, on disk and not."""

import json
import time

import click

from pensieve import cache_folder, places
from pensieve.cli.manual.command import Group
from pensieve.config.load import load_settings
from pensieve.models.sizes import size_text
from pensieve.serve import pid_file
from pensieve.serve.probe import ask_health


@click.group(cls=Group)
def cache() -> None:
    """Show or clear what earlier prompts left for later ones."""


@cache.command("status")
@click.option("--port", type=click.IntRange(1, 65535), help="Of the server.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def cache_status(port: int | None, as_json: bool) -> None:
    """Say what is kept on disk, by model, and in a running server's memory."""
    settings = load_settings({"port": port}).settings
    root = places.prefix_cache_dir()
    uses = cache_folder.usage(root)
    budget_bytes = settings.prefix_disk_bytes
    if settings.prefix_cache_bytes == 0:
        budget_bytes = 0
    elif budget_bytes < 0:
        budget_bytes = cache_folder.default_budget_bytes(root)
    memory = _memory_of(settings.port)
    if as_json:
        models = [use._asdict() for use in uses]
        sums = {
            "folder": str(root),
            "nbytes": sum(use.nbytes for use in uses),
            "num_files": sum(use.num_files for use in uses),
            "budget_bytes": budget_bytes,
        }
        click.echo(json.dumps({**sums, "models": models, "memory": memory}))
        return
    used = size_text(sum(use.nbytes for use in uses))
    num_files = sum(use.num_files for use in uses)
    allowed = size_text(budget_bytes) if budget_bytes else "none: it is switched off"
    click.echo(f"On disk: {used} in {num_files} files, of {allowed}; in {root}")
    for use in uses:
        age = _age(time.time() - use.last_used_ns / 1e9)
        click.echo(
            f"  {use.name}: {size_text(use.nbytes)} in {use.num_files} files,"
            f" last used {age} ago"
        )
    if memory:
        filled = size_text(memory["memory_bytes"])
        budget = size_text(memory["memory_budget_bytes"])
        click.echo(
            f"In memory of the server on port {settings.port}: {filled} of {budget}"
        )


@cache.command("clear")
def cache_clear() -> None:
    """Remove what is on disk. A running server keeps what it has in memory."""
    removed = cache_folder.clear(places.prefix_cache_dir())
    click.echo(f"Removed {size_text(removed)} from {places.prefix_cache_dir()}.")


def _memory_of(port: int) -> dict[str, int]:
    """Return a running server's figures; empty where there is none, or none yet."""
    server = pid_file.read(port)
    if server is None or not server.is_running():
        return {}
    health = ask_health(server.base_url)
    return dict(health.engine.get("cache") or {}) if health else {}


def _age(seconds: float) -> str:
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0, seconds):.0f} seconds"
