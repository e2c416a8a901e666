"""`pensieve doctor`: whether all is as it has to be, and what to do where it is not."""

import json
import sys
from collections.abc import Iterator

import click
import msgspec

from pensieve.cli.doctor import machine_checks, model_checks, program_checks
from pensieve.cli.doctor.check import Check, Status
from pensieve.cli.manual.command import Command
from pensieve.cli.tables import printable
from pensieve.machine import read_machine

_COLOURS: dict[Status, str] = {"ok": "green", "warn": "yellow", "fail": "red"}


@click.command(cls=Command)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> None:
    """Check the machine, the model, the server and Claude Code."""
    found = []
    for check in _checks():
        found.append(check)
        if not as_json:
            _show(check)
    if as_json:
        click.echo(json.dumps(msgspec.to_builtins(found), indent=2))
    ctx.exit(any(check.status == "fail" for check in found))


def _checks() -> Iterator[Check]:
    machine = read_machine()
    yield machine_checks.hardware(machine)
    yield machine_checks.system(machine)
    yield program_checks.backend()
    check, loaded = program_checks.config()
    yield check
    needed = None
    if loaded is not None:
        settings = loaded.settings
        server = program_checks.server_on_port(settings.port)
        yield program_checks.port(settings, server)
        name = settings.model if server is None else server.model
        check, description = model_checks.find_model(name)
        yield check
        if description is not None:
            yield model_checks.window(description)
            reading = model_checks.free_memory() if server is None else None
            yield model_checks.memory(description, machine, reading)
            on_gpu = machine.gpu_bytes is not None
            needed = model_checks.needed_bytes(description, on_gpu)
        for name in settings.models[1:]:
            yield model_checks.find_model(name)[0]
    yield from machine_checks.wired_limit(machine, needed)
    yield from machine_checks.disk()
    yield program_checks.claude_code()


def _show(check: Check) -> None:
    status = check.status.ljust(4)
    if sys.stdout.isatty():
        status = click.style(status, fg=_COLOURS[check.status])
    click.echo(f"{status}  {check.name:12}{printable(check.found)}")
    if check.advice:
        click.echo(f"      {'':12}→ {printable(check.advice, keeps=chr(10))}")
