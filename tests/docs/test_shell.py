"""What runs the pages' commands: a page that says something wrong is noticed."""

from pathlib import Path

import pytest
from docs.pages import RUN, Block
from docs.shell import Shell, fits


@pytest.fixture(scope="module")
def shell(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    with Shell(home, home) as shell:
        yield shell


def block(text):
    return Block(Path(__file__), 1, RUN, text, "")


@pytest.mark.parametrize(
    "text",
    [
        "$ echo hi\nhi",
        "$ echo hi",
        "$ false\n$ echo $?\n1",
        "$ printf 'a\\nb\\nc\\n'\na\n...\n$ printf 'a\\nb\\n'\na\n...\nb",
        "$ echo 'took 3.1 s.'\ntook ... s.",
        "$ A=b\n$ echo $A\nb",
        "$ cat <<END\n> x\n> END\nx",
        "$ cat",
        "$ cd /\n$ pwd\n/",
    ],
)
def test_what_is_right_passes(shell, text):
    shell.check(block(text))


@pytest.mark.parametrize(
    "text",
    [
        "$ echo hi\nho",
        "$ false",
        "$ false\n$ echo $?\n0",
        "$ echo 'took 3.1 s!'\ntook ... s.",
        "$ printf 'a\\nb\\n'\na",
        "$ no-such-command",
        "$ echo error >&2\n...\nother",
    ],
)
def test_what_is_wrong_is_noticed(shell, text):
    with pytest.raises(AssertionError):
        shell.check(block(text))


def test_dots_stand_for_no_line_as_well():
    assert fits("a\n...\nb", "a\nb")
    assert fits("...", "")
    assert fits("...\na", "a")
    assert fits("a\n...", "a")
    assert not fits("a\n...", "b")
    assert not fits("a.b", "axb")
