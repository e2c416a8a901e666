"""The commands on the pages for users that need the whole of Claude Code."""

import pytest
from docs.pages import CLAUDE, PAGES, blocks
from docs.shell import Shell

pytestmark = pytest.mark.agent

BLOCKS = [
    pytest.param(block, id=str(block))
    for page in PAGES
    for block in blocks(page)
    if block.kind == CLAUDE
]


@pytest.fixture
def shell(claude_binary, tmp_path):
    """Return a shell with Claude Code on PATH, and SmolLM2."""
    folder = tmp_path / "project"
    folder.mkdir()
    config = {"CLAUDE_CONFIG_DIR": str(tmp_path / ".claude")}
    with Shell(tmp_path, folder, [claude_binary.parent], **config) as shell:
        said, status = shell.run("pensieve pull smollm2")
        assert status == 0, said
        yield shell


def test_there_are_such_commands():
    assert BLOCKS


@pytest.mark.parametrize("block", BLOCKS)
def test_the_commands_of_a_block_do_what_it_says(shell, block):
    shell.check(block)
