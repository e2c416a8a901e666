"""Builds of Pensieve to compare: a plain one, and one for each module made slower.

The sources are copied, and in the copy every function of a binding begins with an
object that takes a tenth of the function's time once more (planted.hpp).
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
BUILT_FROM = ("CMakeLists.txt", "LICENSE", "README.md", "pyproject.toml")
BUILT_FROM_FOLDERS = ("bench", "csrc", "metal", "pensieve")
FUNCTION = re.compile(r"^( *)def \w+\((?:[^()]|\([^()]*\))*\):\n", re.MULTILINE)
DECLARED = """
cdef extern from "planted.hpp" nogil:
    cppclass Planted:
        Planted()
        void begin()

"""


def planted(binding: str) -> str:
    """Return a binding's source with the slowdown in each of its functions."""
    end = binding.index("\ncdef extern")

    def body(match: re.Match[str]) -> str:
        inner = match[1] + "    "
        return f"{match[0]}{inner}cdef Planted planted\n{inner}planted.begin()\n"

    return binding[:end] + DECLARED + FUNCTION.sub(body, binding[end:])


def copy_sources(folder: Path) -> None:
    """Copy what a build is made of."""
    for name in BUILT_FROM:
        shutil.copy(ROOT / name, folder / name)
    for name in BUILT_FROM_FOLDERS:
        ignored = shutil.ignore_patterns("__pycache__", "*.json")
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)


def install(source: Path, target: Path) -> None:
    """Build the sources as a release is, into a folder."""
    command = [
        *(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"),
        *("--no-build-isolation", "--target", str(target), str(source)),
    ]
    path = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
    done = subprocess.run(command, capture_output=True, text=True, env={"PATH": path})
    if done.returncode:
        sys.exit(done.stdout + done.stderr)


def build(folder: Path) -> dict[str, Path]:
    """Return the installed folders: "plain", "copy" and one a native module."""
    source, plain, slow = folder / "source", folder / "plain", folder / "slow"
    source.mkdir()
    copy_sources(source)
    install(source, plain)
    shutil.copy(Path(__file__).parent / "planted.hpp", source / "csrc")
    modules = sorted((source / "csrc").glob("*.pyx"))
    for path in modules:
        path.write_text(planted(path.read_text()))
    install(source, slow)
    builds = {"plain": plain, "copy": folder / "copy"}
    shutil.copytree(plain, folder / "copy")
    for path in modules:
        builds[path.stem] = folder / f"slow-{path.stem}"
        shutil.copytree(plain, builds[path.stem])
        for compiled in (slow / "pensieve" / "_native").glob(f"{path.stem}.*.so"):
            shutil.copy(compiled, builds[path.stem] / "pensieve" / "_native")
    return builds
