"""Every command on a page, run in order; what cannot be run here is listed."""

import os
import shutil
import subprocess
import sys

import pytest
from docs.pages import CLAUDE, PAGES, README, ROOT, RUN, UNRUN, blocks, start_of, steps
from docs.shell import Shell

pytestmark = pytest.mark.docs

RUN_PAGES = [
    page
    for page in PAGES
    if any(block.kind in (RUN, "python") for block in blocks(page))
]


@pytest.fixture(scope="session")
def pulled_home(tmp_path_factory):
    """Return a PENSIEVE_HOME that has SmolLM2, as `pensieve pull` leaves it."""
    home = tmp_path_factory.mktemp("pulled")
    environ = os.environ | {"PENSIEVE_HOME": str(home)}
    command = [sys.executable, "-m", "pensieve", "pull", "smollm2"]
    subprocess.run(command, env=environ, check=True)
    return home


@pytest.fixture
def shell(request, tmp_path, pulled_home):
    """Return the shell of a page, its server started if the page says so."""
    page = request.param
    home, folder = tmp_path / "home", tmp_path / "project"
    folder.mkdir()
    home.mkdir()
    with_server = start_of(page) == "with a server"
    if with_server:
        # Not copied: the model's file is large, and nobody writes into it.
        shutil.copytree(pulled_home, home / "pensieve", copy_function=os.link)
    with Shell(home, ROOT if page == README else folder) as shell:
        if with_server:
            said, status = shell.run("pensieve start")
            assert status == 0, said
        yield shell


@pytest.mark.parametrize(
    ("shell", "page"),
    [(page, page) for page in RUN_PAGES],
    indirect=["shell"],
    ids=[str(page.relative_to(ROOT)) for page in RUN_PAGES],
)
def test_the_commands_of_a_page_do_what_it_says(shell, page):
    for block in blocks(page):
        if block.kind == RUN:
            shell.check(block)
        elif block.kind == "python":
            run_python(shell, block)


def run_python(shell, block):
    """Run the block as a program of its own."""
    ran = subprocess.run(
        [sys.executable, "-c", shell.here(block.text)],
        env=shell.environ,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, f"{block}: {ran.stderr}"


def test_what_is_not_run_is_listed():
    """`make test-docs` shows it."""
    every = [block for page in PAGES for block in blocks(page)]
    unrun = [block for block in every if block.kind == UNRUN]
    elsewhere = [block for block in every if block.kind == CLAUDE]
    num_run = sum(len(steps(block)) for block in every if block.kind == RUN)
    num_unrun = sum(len(steps(block)) for block in unrun)

    print(f"\n{num_run} commands run here; {num_unrun} not run:")
    for block in unrun:
        print(f"  {block}: {block.why_unrun}")
    print(f"{len(elsewhere)} blocks are run by make test-claude")
    assert num_run > num_unrun
