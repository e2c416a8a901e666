"""`pensieve config`: show the settings that hold, write a file of them, check one."""

import json
from pathlib import Path

import click
import msgspec

from pensieve import places
from pensieve.cli.manual.command import Group
from pensieve.config.fields import FIELDS, description, place
from pensieve.config.load import load_settings
from pensieve.config.schema import SECRETS, SECTIONS
from pensieve.config.written import variable_name
from pensieve.errors import ConfigError

_HEAD = """\
# Settings of Pensieve. Each setting below is a default, switched off by its "#":
# remove the "#" to change it. A PENSIEVE_* variable beats this file, a flag beats both.
# `pensieve config validate` checks the file, `pensieve config show` tells what holds.
"""


@click.group(cls=Group)
def config() -> None:
    """Show, write or check the settings."""


@config.command()
def show() -> None:
    """Show every setting and where it comes from."""
    loaded = load_settings()
    rows = []
    for name, value in msgspec.structs.asdict(loaded.settings).items():
        shown = _masked(value) if name in SECRETS else _as_toml(value)
        rows.append((str(place(name)), shown, loaded.sources[name]))
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    for where, shown, source in rows:
        click.echo(f"{where:{widths[0]}}  {shown:{widths[1]}}  {source}")


@config.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), required=False)
@click.option("--force", is_flag=True, help="Replace a file that is there.")
def generate(file: Path | None, force: bool) -> None:
    """Write a commented settings file (to its usual place unless FILE is given)."""
    file = file or places.config_file().with_suffix(".toml")
    if file.exists() and not force:
        raise ConfigError(f"{file}: there is a file already; --force replaces it")
    if file.suffix == ".json":
        raise ConfigError(f"{file}: expected a name for TOML: JSON has no comments")
    places.make_private(file.parent)
    # For this user's eyes only: an api_key may be put into it.
    with places.open_private(file, "wb") as out:
        out.write(_commented_defaults().encode())
    click.echo(f"Wrote {file}")


@config.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), required=False)
def validate(file: Path | None) -> None:
    """Check the settings file (the usual one unless FILE is given)."""
    path = file or places.config_file()
    if file is None and not path.exists():
        click.echo(f"{path}: no such file; `pensieve config generate` writes one")
        return
    sources = load_settings(file=path).sources.values()
    count = sum(source.startswith(f"{path}:") for source in sources)
    click.echo(f"{path}: valid, {count} of {len(FIELDS)} settings in force from it")


def _commented_defaults() -> str:
    parts = [_HEAD]
    for section, about in SECTIONS.items():
        parts.append(f"# {about}\n[{section}]\n")
        names = [name for name in FIELDS if place(name).section == section]
        parts += [_commented_default(name) for name in names]
    return "\n".join(parts)


def _commented_default(name: str) -> str:
    default = FIELDS[name].default
    value = '"…"' if default is None else _as_toml(default)
    about = f"# {description(name)} ({variable_name(name)})"
    return f"{about}\n# {place(name).key} = {value}\n"


def _as_toml(value: object) -> str:
    if value is None:
        return "not set"
    return json.dumps(value) if isinstance(value, str | bool) else str(value)


def _masked(key: str | None) -> str:
    return "not set" if key is None else f"set, {len(key)} characters"
