"""The pages for users, and the fenced blocks in them, each of a kind that is known.

    console         run by `make test-docs`: `$ ` lines in order, then what they show
    console claude  run by `make test-claude`, as it needs the whole of Claude Code
    console unrun   not run; the line above the fence says why, to readers as well
    toml, json      a settings file, which must be valid
    python          run by `make test-docs`, in the same place as the commands
    text            no command: a picture, or what a program says
    text error      what a user sees, word for word but for "…": it is in the sources

A comment in a page says what its commands find: `<!-- tested: from nothing -->` or
`<!-- tested: with a server -->`, which has SmolLM2.
"""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]

RUN, CLAUDE, UNRUN = "console", "console claude", "console unrun"
ERROR = "text error"
KINDS = {RUN, CLAUDE, UNRUN, ERROR, "text", "toml", "json", "python"}

_WHY = re.compile(r"\*Not run by the tests: (.+)\.\*")


@dataclass(frozen=True)
class Block:
    """A fenced block."""

    page: Path
    line: int
    """Of its opening fence, from 1."""
    kind: str
    text: str
    above: str
    """The last line before it that is not blank."""

    def __str__(self):
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def why_unrun(self):
        """The reason that a reader is given, None for none."""
        found = _WHY.fullmatch(self.above)
        return found and found[1]


@dataclass(frozen=True)
class Step:
    """A command, and what the page shows of its output; None: nothing."""

    command: str
    shown: str | None


def blocks(page):
    """Return the page's fenced blocks, in order."""
    found, opened, body, above = [], None, [], ""
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if opened is None and line.startswith("```"):
            opened, body = number, []
            kind = line.removeprefix("```").strip()
        elif opened is not None and line == "```":
            found.append(Block(page, opened, kind, "\n".join(body), above))
            opened = None
        elif opened is not None:
            body.append(line)
        elif line.strip():
            above = line.strip()
    assert opened is None, f"{page}:{opened}: a fence without an end"
    return found


def steps(block):
    """Return the commands of a console block, each with its output."""
    found = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            found.append(Step(line.removeprefix("$ "), None))
        elif found and line.startswith("> "):  # as a shell asks for more
            last = found.pop()
            assert last.shown is None, f"{block}: {line}"
            found.append(Step(f"{last.command}\n{line.removeprefix('> ')}", None))
        else:
            assert found, f"{block}: output before any command: {line}"
            last = found.pop()
            before = "" if last.shown is None else last.shown + "\n"
            found.append(Step(last.command, before + line))
    return found


def prose(page):
    """Return the page without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.M | re.S)


def start_of(page):
    """Return what the page's commands find: "from nothing" or "with a server"."""
    found = re.findall(
        r"^<!-- tested: (from nothing|with a server) -->$",
        page.read_text(encoding="utf-8"),
        flags=re.MULTILINE,
    )
    assert len(found) == 1, f"{page}: expected one <!-- tested: … -->, got {found}"
    return found[0]
