"""`pensieve inspect`: what a model's files hold, and what becomes of them."""

import json
import math
import sys
from pathlib import Path
from typing import Any

import click
import msgspec

from pensieve.cli.inspection_view import show
from pensieve.cli.manual.command import Command
from pensieve.cli.tables import printable, show_table
from pensieve.errors import ModelError
from pensieve.models import store
from pensieve.models.description import ModelDescription
from pensieve.models.files import describe
from pensieve.models.inspection import Inspection, inspect_gguf
from pensieve.models.sizes import size_text


class Template(msgspec.Struct, frozen=True):
    """How the server takes the model's chat template."""

    num_characters: int
    has_system_role: bool
    shows_tools: bool
    """Otherwise the model is told of tools in Pensieve's default format."""
    call_syntax: str
    """In which the model's calls are read."""
    thinks: bool


@click.command(cls=Command)
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--template", "only_template", is_flag=True, help="Print the template.")
@click.option("--tensors", "each_tensor", is_flag=True, help="List every tensor.")
def inspect(name: str, as_json: bool, only_template: bool, each_tensor: bool) -> None:
    """Say what a model is: its header, tensors, memory, and whether it runs.

    NAME is a .gguf file, of a split model the first, a model folder, or a name that
    `pensieve list` shows. Nothing is loaded.

    Raises:
        ModelError: there is no such model, it is damaged, or has no template to print.
    """
    path = store.resolve(name)
    if path.is_dir():
        _inspect_folder(path, as_json, only_template)
        return
    try:
        inspection = inspect_gguf(path)
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror or error}") from error
    if only_template:
        _print_template(path, inspection.chat_template)
        return
    inspection, template = _with_prompt(inspection)
    if as_json:
        _print_json(inspection, template)
    else:
        show(inspection, _template_text(inspection, template), each_tensor)


def _inspect_folder(path: Path, as_json: bool, only_template: bool) -> None:
    """Show what a folder says; its tensors are mlx-lm's to read."""
    description = describe(path)
    if only_template:
        _print_template(path, description.chat_template)
        return
    if as_json:
        _print_json(description, None)
        return
    rows = [
        ("path", str(path)),
        ("format", "a folder in Hugging Face form"),
        ("architecture", description.architecture),
        ("size", size_text(description.size_bytes)),
        ("context", f"{description.context_length} tokens"),
        ("end tokens", ", ".join(map(str, description.end_token_ids))),
        ("chat template", f"{len(description.chat_template or '')} characters"),
        ("runs", "where mlx-lm has this architecture: the engine says it"),
    ]
    show_table((), rows)


def _with_prompt(inspection: Inspection) -> tuple[Inspection, Template | None]:
    """Add what keeps the server from writing prompts for the model."""
    # Not at the top: jinja2 and tokenizers take longer to import than the rest to run.
    from pensieve.output.dialect import dialect_of
    from pensieve.prompt.chat_template import open_template
    from pensieve.prompt.gguf_tokenizer import check_known

    path = Path(inspection.path)
    try:
        description = describe(path)
    except ModelError:
        return inspection, None  # which is among its problems
    problems, template = list(inspection.problems), None
    try:
        form = open_template(description).form
        syntax = dialect_of(description.chat_template, form.shows_tools)
        template = Template(
            num_characters=len(description.chat_template or ""),
            has_system_role=form.has_system_role,
            shows_tools=form.shows_tools,
            call_syntax=syntax.name,
            thinks=syntax.thinking_marks is not None,
        )
    except ModelError as error:
        problems.append(str(error))
    if inspection.tokenizer is not None:
        try:
            check_known(inspection.tokenizer.model, inspection.tokenizer.pre)
        except ModelError as error:
            problems.append(str(error))
    return msgspec.structs.replace(inspection, problems=problems), template


def _template_text(inspection: Inspection, template: Template | None) -> str:
    """Return the template in one line."""
    if inspection.chat_template is None:
        return "none: a plain one is used"
    size = f"{len(inspection.chat_template)} characters"
    if template is None:
        return size
    tools = "shows tools" if template.shows_tools else "shows no tools"
    system = "has" if template.has_system_role else "has no"
    thinks = "thinks" if template.thinks else "does not think"
    calls = f"calls are read as {template.call_syntax}"
    return f"{size}; {tools}, {calls}; {system} system role; {thinks}"


def _print_template(path: Path, template: str | None) -> None:
    """Print it as it is; on a terminal nothing in it moves the cursor."""
    if template is None:
        raise ModelError(f"{path}: expected a chat template, got none")
    if sys.stdout.isatty():
        template = printable(template, keeps="\n\t")
    click.echo(template)


def _print_json(model: Inspection | ModelDescription, template: Any) -> None:
    facts = _plain(msgspec.to_builtins(model, enc_hook=str))
    if isinstance(model, Inspection):
        facts["template"] = msgspec.to_builtins(template)
    click.echo(json.dumps(facts, indent=2))


def _plain(value: Any) -> Any:
    """Return what JSON can hold: null for a number that is none."""
    match value:
        case float() if not math.isfinite(value):
            return None
        case dict():
            return {key: _plain(each) for key, each in value.items()}
        case list() | tuple():
            return [_plain(each) for each in value]
    return value
