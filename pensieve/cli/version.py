"""`pensieve version`: this release, and what it stands on."""

import platform
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed

import click

import pensieve
from pensieve.cli.manual.command import Command

_PARTS = ("mlx", "mlx-lm", "falcon", "gunicorn", "uvloop")


@click.command(cls=Command)
def version() -> None:
    """Say which release this is, and what it stands on."""
    click.echo(f"pensieve {pensieve.__version__}")
    click.echo(f"python {platform.python_version()} on {platform.platform()}")
    for part in _PARTS:
        click.echo(f"{part} {_version_of(part)}")


def _version_of(package: str) -> str:
    try:
        return installed(package)
    except PackageNotFoundError:
        return "is not installed"
