"""Line coverage of the C++ cores by the tests that just ran: `make coverage-native`.

    python csrc/coverage.py GCOV BUILD_FOLDER MINIMUM MODULE...

Reads gcov's text, which clang's `llvm-cov gcov` writes too; prints lines run and lines
that could be for each of csrc/MODULE, and those that were not run. Exit status 1 where
one is below the minimum, in per cent.
"""

import re
import shlex
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

LINE = re.compile(r"\s*([^:]+):\s*(\d+):(.*)")
NOT_CODE, NOT_RUN = "-", ("#####", "=====")

Runs = dict[Path, dict[int, bool]]
"""By file and line, whether it was run: of code only."""


def main(gcov: str, build: Path, minimum: float, modules: list[str]) -> int:
    """Print the figures, and return the exit status."""
    runs = runs_of(gcov, build)
    status = 0
    for module in modules:
        folder = Path("csrc", module).resolve()
        files = {path: lines for path, lines in runs.items() if path.parent == folder}
        if not (total := sum(map(len, files.values()))):
            print(f"{module}: no line of csrc/{module} is in {build}")
            status = 1
            continue
        num_run = sum(sum(lines.values()) for lines in files.values())
        print(f"{module}: {100 * num_run / total:.1f} % of {total} lines")
        for path, lines in sorted(files.items()):
            if missed := [number for number, was_run in lines.items() if not was_run]:
                numbers = ", ".join(map(str, sorted(missed)))
                print(f"  {path.relative_to(Path.cwd())}: not run: {numbers}")
        if 100 * num_run < minimum * total:
            print(f"{module}: expected at least {minimum:g} %")
            status = 1
    return status


def runs_of(gcov: str, build: Path) -> Runs:
    """Return what gcov says of all that was built for the tests."""
    data = sorted(str(path.resolve()) for path in build.rglob("*.gcda"))
    if not data:
        sys.exit(f"{build}: expected .gcda files of a run of the tests, got none")
    with tempfile.TemporaryDirectory() as folder:
        told = subprocess.run(
            [*shlex.split(gcov), "--stdout", *data],
            cwd=folder,
            capture_output=True,
            text=True,
            check=True,
        )
    runs: Runs = defaultdict(dict)
    lines: dict[int, bool] = {}
    for match in map(LINE.match, told.stdout.splitlines()):
        if match is None:
            continue
        count, number, text = match[1].strip(), int(match[2]), match[3]
        if number == 0 and text.startswith("Source:"):
            source = (build / text.removeprefix("Source:")).resolve()
            lines = runs[source]
        elif number and count != NOT_CODE:
            # Inline code and templates come once for each place that they are used in.
            was_run = not count.startswith(NOT_RUN)
            lines[number] = lines.get(number, False) or was_run
    return runs


if __name__ == "__main__":
    _, gcov, build, minimum, *modules = sys.argv
    sys.exit(main(gcov, Path(build), float(minimum), modules))
