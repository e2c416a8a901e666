"""The sdist, the wheel made of it, and a plain environment that installs that wheel."""

import json
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import pensieve

ROOT = Path(__file__).parent.parent
NATIVE = sorted(path.stem for path in (ROOT / "csrc").glob("*.pyx"))

pytestmark = pytest.mark.slow


def run(*command, cwd):
    """Run a command away from this project's environment, and return what it prints."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("PYTHONPATH", "VIRTUAL_ENV", "PYTHONHOME")
    }
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    """Build the sdist from the working tree, as `python -m build --sdist` does."""
    folder = tmp_path_factory.mktemp("sdist")
    program = "import sys, scikit_build_core.build as b; b.build_sdist(sys.argv[1])"
    run(sys.executable, "-c", program, folder, cwd=ROOT)
    [path] = folder.glob("*.tar.gz")
    return path


@pytest.fixture(scope="module")
def wheel(sdist, tmp_path_factory):
    """Build the wheel from the sdist alone, in pip's isolated build environment."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps")
    run(*pip, "--wheel-dir", folder, sdist, cwd=folder)
    [path] = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def plain_environment(wheel, tmp_path_factory):
    """Install the wheel, and all that it asks for, where nothing else is."""
    folder = tmp_path_factory.mktemp("plain")
    run(sys.executable, "-m", "venv", folder / "venv", cwd=folder)
    python = folder / "venv" / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", wheel, cwd=folder)
    return python


def test_the_sdist_has_what_a_build_and_a_test_run_need_and_no_leftovers(sdist):
    with tarfile.open(sdist) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames()}

    assert {"pyproject.toml", "CMakeLists.txt", "LICENSE", "README.md"} <= names
    for folder in ("csrc", "metal", "tests", "pensieve", "bench"):
        for path in (ROOT / folder).rglob("*"):
            relative = str(path.relative_to(ROOT))
            left_out = ("__pycache__", "bench/results/")
            if path.is_file() and not any(each in relative for each in left_out):
                assert relative in names
    stray = [
        name for name in names if name.split("/")[0] in {"build", ".venv", ".cache"}
    ]
    assert stray == []


def test_the_wheel_has_each_native_module_beside_its_stubs(wheel):
    names = zipfile.ZipFile(wheel).namelist()

    for module in NATIVE:
        compiled = [n for n in names if n.startswith(f"pensieve/_native/{module}.")]
        assert len(compiled) == 2, compiled
        assert f"pensieve/_native/{module}.pyi" in compiled
        assert any(name.endswith(".so") for name in compiled)
    assert "pensieve/py.typed" in names
    if sys.platform == "linux":
        assert "pensieve/_native/libpensieve_blas.so" in names


def test_the_wheel_has_the_kernels_and_no_sources_of_other_kinds(wheel):
    names = zipfile.ZipFile(wheel).namelist()

    kernels = {path.name for path in (ROOT / "metal").iterdir()}
    assert kernels
    assert {
        name.split("/")[-1] for name in names if "pensieve/metal/" in name
    } == kernels
    assert [n for n in names if n.endswith((".pyx", ".cpp", ".hpp", ".c"))] == []
    assert [n for n in names if n.endswith((".json", ".md")) and "bench" in n] == []
    tops = {name.split("/")[0] for name in names}
    assert tops == {"pensieve", f"pensieve-{pensieve.__version__}.dist-info"}


def test_the_wheel_has_the_page(wheel):
    names = zipfile.ZipFile(wheel).namelist()

    folder = "pensieve/api/static/"
    files = {folder + path.name for path in (ROOT / folder).iterdir()}
    assert f"{folder}index.html" in files
    assert {name for name in names if name.startswith(folder)} == files


def test_a_plain_environment_runs_the_command_from_another_folder(
    plain_environment, tmp_path
):
    command = plain_environment.with_name("pensieve")

    printed = run(command, "version", cwd=tmp_path)

    assert printed.splitlines()[0] == f"pensieve {pensieve.__version__}"
    assert run(plain_environment, "-m", "pensieve", "version", cwd=tmp_path) == printed


def test_every_module_imports_in_a_plain_environment(plain_environment, tmp_path):
    """A dependency that is used but not declared shows here and nowhere else."""
    program = """
import importlib, pkgutil, pensieve
for module in pkgutil.walk_packages(pensieve.__path__, "pensieve."):
    if not module.name.endswith("__main__") and "libpensieve" not in module.name:
        importlib.import_module(module.name)
        print(module.name)
"""
    imported = run(plain_environment, "-c", program, cwd=tmp_path).split()

    assert {f"pensieve._native.{name}" for name in NATIVE} <= set(imported)
    assert {"pensieve.cli.server", "pensieve.engine.blas"} <= set(imported)


def test_the_benchmarks_run_in_a_plain_environment(plain_environment, tmp_path):
    command = plain_environment.with_name("pensieve-bench")

    printed = run(command, "native", "--rounds", "1", cwd=tmp_path)

    record = json.loads(printed.splitlines()[-1])
    outcomes = record["figures"]["outcomes"]
    measured = {name.split(".")[0] for name in outcomes if outcomes[name]["spreads"]}
    assert measured == {*NATIVE}
    assert outcomes["gguf.open"]["skipped"] == "gguf-py: not installed"
    assert record["commit"] == "unknown"


def test_what_is_installed_agrees_with_itself(plain_environment, tmp_path):
    assert "No broken requirements found" in run(
        plain_environment, "-m", "pip", "check", cwd=tmp_path
    )
