"""The pages as texts: kinds of blocks, links, settings, commands and messages."""

import re
from pathlib import Path

import pytest
from cli.manual.command_lines import check_understood, command_lines
from docs.messages import all_pieces, fewest_pieces
from docs.pages import (
    CLAUDE,
    ERROR,
    KINDS,
    PAGES,
    ROOT,
    RUN,
    UNRUN,
    blocks,
    prose,
    start_of,
    steps,
)

from pensieve.config.fields import FIELDS, PLACES, place
from pensieve.config.load import load_settings
from pensieve.config.schema import SECTIONS
from pensieve.config.written import variable_name

BLOCKS = [
    pytest.param(block, id=str(block)) for page in PAGES for block in blocks(page)
]
"""All fenced blocks."""

each_page = pytest.mark.parametrize(
    "page", PAGES, ids=lambda page: str(page.relative_to(ROOT))
)

OTHER_VARIABLES = {"PENSIEVE_HOME"}

MESSAGES = [
    pytest.param(line, id=line)
    for page in PAGES
    for block in blocks(page)
    if block.kind == ERROR
    for line in block.text.splitlines()
]

SOURCES = all_pieces(ROOT / "pensieve")


def of_kind(*kinds):
    return [param for param in BLOCKS if param.values[0].kind in kinds]


def anchors(page):
    """Return the names by which a page's headings are linked to."""
    headings = re.findall(r"^#+ (.+)$", prose(page), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_is_of_a_known_kind(block):
    assert block.kind in KINDS
    assert block.text.strip()


@pytest.mark.parametrize("block", of_kind(UNRUN))
def test_what_is_not_run_says_why(block):
    assert block.why_unrun


@pytest.mark.parametrize("block", of_kind(RUN, CLAUDE))
def test_what_is_run_does_not_say_that_it_is_not(block):
    assert block.why_unrun is None
    assert steps(block)


@pytest.mark.parametrize("block", of_kind(RUN, CLAUDE, UNRUN))
def test_a_command_of_pensieve_is_understood(block):
    for step in steps(block):
        for words in command_lines(step.command.splitlines()[0]):
            check_understood(words)


@pytest.mark.parametrize("block", of_kind("toml", "json"))
def test_a_settings_file_is_valid(block, tmp_path):
    file = tmp_path / f"config.{block.kind}"
    file.write_text(block.text, encoding="utf-8")

    sources = load_settings(file=file).sources.values()
    assert any(source.startswith(f"{file}:") for source in sources)


@each_page
def test_a_page_with_commands_says_what_they_find(page):
    if any(block.kind in (RUN, "python") for block in blocks(page)):
        assert start_of(page)


@each_page
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)]+)\)", prose(page)):
        if link.startswith("https://"):
            continue
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


@each_page
def test_settings_that_are_named_exist(page):
    places = {str(place) for place in PLACES}
    sections = "|".join(SECTIONS)
    text = page.read_text(encoding="utf-8").partition("## Where things are")[0]

    for name in re.findall(rf"`((?:{sections})\.\w+)[^`]*`", text):
        assert name in places
    for name in re.findall(r"PENSIEVE_[A-Z_]+", text):
        assert name in OTHER_VARIABLES | {variable_name(field) for field in FIELDS}


def test_the_default_values_that_tuning_names_are_those():
    text = (ROOT / "docs" / "tuning.md").read_text(encoding="utf-8")
    named = re.findall(r"^\| `([\w.]+)` \| (-?\d+):", text, flags=re.MULTILINE)
    bounds = re.findall(r"^\| ([\d.]+) GiB \| `([\w.]+)`", text, flags=re.MULTILINE)

    defaults = {str(place(name)): field.default for name, field in FIELDS.items()}
    assert len(named) == 3
    assert len(bounds) == 4
    for name, value in named:
        assert defaults[name] == int(value)
    for gibibytes, name in bounds:
        assert defaults[name] == float(gibibytes) * (1 << 30)


@pytest.mark.parametrize("message", MESSAGES)
def test_a_message_is_in_the_sources(message):
    """It is put together of whole literals, most of it of long ones."""
    used = [
        piece
        for part in message.split("…")
        if part.strip()
        for piece in fewest_pieces(part, SOURCES) or [f"<{part}>"]
    ]

    assert not [piece for piece in used if piece.startswith("<")], used
    assert max(map(len, used)) >= 10
    assert len(used) <= 3 * (1 + message.count("…"))


@pytest.mark.parametrize(
    "message",
    ["nothing answers at …: `pensieve begin` starts the server", "the queue is empty"],
)
def test_a_message_that_is_not_in_the_sources_is_noticed(message):
    parts = [part for part in message.split("…") if part.strip()]

    assert not all(fewest_pieces(part, SOURCES) for part in parts)


def test_each_page_is_linked_from_the_readme_and_the_index():
    pages = {page.name for page in (ROOT / "docs").glob("*.md")} - {"README.md"}

    for page in (ROOT / "README.md", ROOT / "docs" / "README.md"):
        links = re.findall(r"\]\(([\w/.-]+)\)", prose(page))
        assert pages <= {Path(link).name for link in links}
