"""Rules that the sources keep, beside those of the linters."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import pensieve

ROOT = Path(__file__).parent.parent
MAX_LINES = 400
WRITTEN_BY_HAND = {
    *(".py", ".pyi", ".pyx", ".cpp", ".hpp", ".c", ".h", ".metal"),
    *(".html", ".css", ".js"),
}
BANNED_NAMES = {"utils", "helpers", "common", "misc", "manager"}


def tracked():
    """Return the files of the repository; of an unpacked sdist, all that is in it."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listed.returncode == 0:
        return [ROOT / line for line in listed.stdout.splitlines()]
    return [path for path in ROOT.rglob("*") if path.is_file()]


SOURCES = sorted(
    path for path in tracked() if path.suffix in WRITTEN_BY_HAND and path.exists()
)


def table(path):
    """Return a TOML file's content."""
    return tomllib.loads((ROOT / path).read_text(encoding="utf-8"))


def test_imports_keep_to_the_layers():
    program = "from importlinter.cli import lint_imports_command as lint; lint()"

    checked = subprocess.run(
        [sys.executable, "-c", program, "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )

    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_is_short_and_finished(path):
    text = path.read_text(encoding="utf-8")

    assert len(text.splitlines()) <= MAX_LINES
    assert not re.search(r"\b(TO[D]O|FI[X]ME|X{3})\b", text)
    assert text.endswith("\n") or text == ""


def test_no_file_has_a_name_that_says_nothing():
    named = [path for path in SOURCES if set(path.stem.split("_")) & BANNED_NAMES]

    assert named == []


def test_each_native_module_has_a_binding_a_core_stubs_and_tests():
    bindings = {path.stem for path in (ROOT / "csrc").glob("*.pyx")}
    stubs = {path.stem for path in (ROOT / "pensieve" / "_native").glob("*.pyi")}

    assert bindings == stubs
    for name in bindings:
        binding = (ROOT / "csrc" / f"{name}.pyx").read_text(encoding="utf-8")
        headers = re.findall(r'extern from "(.+\.hpp)"', binding)
        assert headers, name
        assert all((ROOT / "csrc" / header).exists() for header in headers), name
        assert (ROOT / "tests" / "native" / f"test_{name}.py").exists(), name


def test_cores_know_nothing_of_python():
    named = [path for path in SOURCES if path.suffix in {".cpp", ".hpp", ".c"}]

    assert named
    assert [path for path in named if "Python.h" in path.read_text()] == []


def test_the_installed_version_is_the_sources():
    """A failure means that the package was built before pyproject.toml changed."""
    assert pensieve.__version__ == table("pyproject.toml")["project"]["version"]


def test_the_build_requirements_and_the_build_group_agree():
    project = table("pyproject.toml")

    for requirement in project["build-system"]["requires"]:
        assert requirement in project["dependency-groups"]["build"]


def test_packages_named_in_the_layers_exist():
    contracts = table("pyproject.toml")["tool"]["importlinter"]["contracts"]
    names, there = set(), modules_in("pensieve")
    for contract in contracts:
        (inside,) = contract.get("containers", [""])
        there |= modules_in(inside) if inside else set()
        for layer in contract.get("layers", []) + contract.get("source_modules", []):
            names |= {
                f"{inside}.{name.strip()}".strip(".") for name in layer.split("|")
            }

    assert there - {"pensieve.metal"} == names - {"pensieve.engine.__main__"}


def modules_in(package: str) -> set[str]:
    return {
        f"{package}.{path.stem}"
        for path in (ROOT / package.replace(".", "/")).iterdir()
        if not path.name.startswith("__") and (path.suffix == ".py" or path.is_dir())
    }


def test_tests_mirror_the_packages():
    folders = {path.relative_to(ROOT).parts[1] for path in SOURCES if is_a_test(path)}
    packages = {path.name.strip("_") for path in (ROOT / "pensieve").iterdir()}

    others = {
        "attacks",
        "bench",
        "chaos",
        "claude_code",
        "conformance",
        "docs",
        "metal",
        "page",
        "reference",
        "tiny_model",
    }
    assert folders - packages <= others


def is_a_test(path):
    """Whether the file is in a folder below tests/."""
    return path.is_relative_to(ROOT / "tests") and path.parent != ROOT / "tests"


def test_the_readme_has_a_phrase_for_each_file_and_for_none_that_is_not_there():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    tree = (
        readme.partition("## Where things are")[2].split("```")[1].removeprefix("text")
    )
    listed, folders = set(), []
    for line in tree.strip().splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        name, _, phrase = line.strip().partition("  ")
        assert phrase.strip(), line
        folders[depth:] = [name]
        if not name.endswith("/"):
            listed.add("".join(folders))

    shown = ("pensieve/", "metal/", "bench/")
    suffixes = {".py", ".pyi", ".metal", ".h", ".html", ".css", ".js"}
    names = {str(path.relative_to(ROOT)) for path in SOURCES if path.suffix in suffixes}
    there = {name for name in names if name.startswith(shown)}
    assert {name for name in listed if name.startswith(shown)} == {
        name for name in there if not name.endswith("__init__.py")
    }
