"""`pensieve service`: install, uninstall, status, of systemd or launchd."""

import sys

import click

from pensieve.cli.manual.command import Group
from pensieve.config.load import load_settings
from pensieve.config.schema import Settings
from pensieve.errors import ConfigError, PensieveError
from pensieve.serve import pid_file
from pensieve.serve.preflight import check_model
from pensieve.serve.services import launchd, systemd
from pensieve.serve.services.service import Manager, is_as, is_here, run, write

NOT_RUNNING = 3
"""Exit status of `pensieve service status`, as of `pensieve status`."""


@click.group(cls=Group)
def service() -> None:
    """Have the system run the server: systemd on Linux, launchd on a Mac."""


@service.command()
def install() -> None:
    """Write what the system needs to know, and have it run the server.

    All settings are those of the settings file. With systemd the first request starts
    the server, on a Mac the next login and this command do.
    """
    manager = _manager()
    settings = _settings_of_file()
    check_model(settings.model)
    server = pid_file.read(settings.port)
    if server is not None and server.is_running() and not server.is_managed:
        raise PensieveError(
            f"port {settings.port}: a server of `pensieve start` runs there;"
            " `pensieve stop` ends it"
        )
    was_there = any(path.exists() for path in manager.paths())
    written = write(manager, settings)
    for path in manager.paths():
        click.echo(f"{'Wrote' if path in written else 'There already:'} {path}")
    if not is_here(manager):
        click.echo(f"There is no {manager.TOOL} here. What to type where there is:")
        for command in manager.commands():
            click.echo(f"  {' '.join(command)}")
        return
    manager.take_up(bool(written), run)
    click.echo(f"Installed: it is at {settings.base_url}. Further:")
    for line in manager.advice():
        click.echo(f"  {line}")
    if written and was_there:
        click.echo("A server that runs goes on as it was started until a restart.")


@service.command()
def uninstall() -> None:
    """End the server, and remove what `install` wrote."""
    manager = _manager()
    there = [path for path in manager.paths() if path.exists()]
    if not there:
        click.echo("Nothing to remove: no service is installed.")
        return
    failure = None
    try:
        if is_here(manager):
            manager.give_up(run)
    except PensieveError as error:
        failure = error  # without the files nothing is started again, at least
    for path in there:
        path.unlink()
        click.echo(f"Removed {path}")
    if failure is not None:
        raise PensieveError(f"{failure}; the server may still run")
    if is_here(manager):
        manager.forget(run)


@service.command()
@click.pass_context
def status(ctx: click.Context) -> None:
    """Say whether it is installed, enabled and running."""
    manager = _manager()
    click.echo(f"installed  {_installed(manager)}")
    if not any(path.exists() for path in manager.paths()):
        ctx.exit(NOT_RUNNING)
    if not is_here(manager):
        click.echo(f"running    not known: there is no {manager.TOOL} here")
        ctx.exit(NOT_RUNNING)
    state = manager.state(run)
    for what, how in state.told.items():
        click.echo(f"{what:<10} {how}")
    ctx.exit(0 if state.is_running else NOT_RUNNING)


def _installed(manager: Manager) -> str:
    """Return whether, and whether what is there fits the settings."""
    paths = manager.paths()
    there = [path for path in paths if path.exists()]
    if len(there) < len(paths):
        return "no" if not there else "in part; `pensieve service install` does it"
    where = ", ".join(map(str, paths))
    try:
        wanted = manager.files(_settings_of_file())
    except ConfigError as error:
        return f"{where} (the settings: {error})"
    if all(is_as(path, content) for path, content in wanted.items()):
        return where
    return f"{where}, for other settings; `pensieve service install` writes them anew"


def _settings_of_file() -> Settings:
    """Return the settings that a service will have.

    Raises:
        ConfigError: variables set others.
    """
    loaded = load_settings()
    for name, source in loaded.sources.items():
        if source.startswith("PENSIEVE_"):
            raise ConfigError(
                f"{source}: a service does not see this shell's variables; expected"
                f" {name} in the settings file (`pensieve config generate`), or nowhere"
            )
    return loaded.settings


def _manager() -> Manager:
    return launchd if sys.platform == "darwin" else systemd
