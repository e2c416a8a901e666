"""Whether `pensieve-bench native --against` finds what it should, and nothing else.

Each native module in turn is 10 % slower in one of two builds: the comparison has to
name a case of it, and no case of another. Then the same build is compared with its own
copy, again and again: it has to stay quiet. Prints what it saw and, last, one line of
JSON. Exits with 1 where a slowdown was missed or something else was named.

    .venv/bin/python tests/bench/try_slowdowns.py [--repeats 20] [--keep FOLDER]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from planted_builds import build


def compared(new: Path, old: Path) -> dict[str, dict]:
    """Return the outcomes of comparing two builds, by case."""
    command = [
        *(sys.executable, "-m", "pensieve.bench", "native"),
        *("--build", str(new), "--against", str(old)),
    ]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, cwd=new)
    assert done.returncode in (0, 1), done
    outcomes = json.loads(done.stdout.splitlines()[-1])["figures"]["outcomes"]
    named = any(
        each["ratio"]["low"] > 1.03 for each in outcomes.values() if each["ratio"]
    )
    assert done.returncode == named
    return outcomes


def moved(outcomes: dict[str, dict]) -> dict[str, str]:
    """Return the cases that are said to have changed."""
    ratios = {name: each["ratio"] for name, each in outcomes.items() if each["ratio"]}
    return {
        name: f"{ratio['median']:.3f} [{ratio['low']:.3f}, {ratio['high']:.3f}]"
        for name, ratio in ratios.items()
        if ratio["low"] > 1.03 or ratio["high"] < 1 / 1.03
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--keep", type=Path, help="where the builds are made, or are")
    options = parser.parse_args()
    folder = options.keep or Path(tempfile.mkdtemp())
    if (folder / "copy").exists():
        names = [path.name for path in folder.glob("slow-*")]
        builds = {name.removeprefix("slow-"): folder / name for name in names}
        builds |= {"plain": folder / "plain", "copy": folder / "copy"}
    else:
        folder.mkdir(exist_ok=True)
        builds = build(folder)
    plain, copy = builds.pop("plain"), builds.pop("copy")

    failed = False
    figures: dict[str, object] = {"planted": {}, "same": []}
    for module, slow in sorted(builds.items()):
        began = time.monotonic()
        outcomes = compared(slow, plain)
        seen = moved(outcomes)
        ours = {n: each for n, each in seen.items() if n.startswith(f"{module}.")}
        others = seen.keys() - ours.keys()
        failed |= not ours or bool(others)
        figures["planted"][module] = {"found": ours, "others": sorted(others)}
        word = "found" if ours else "NOT FOUND"
        took = time.monotonic() - began
        print(f"{word} {module}: {ours}; others: {others or 'none'} ({took:.0f} s)")
    for repeat in range(options.repeats):
        seen = moved(compared(copy, plain))
        failed |= bool(seen)
        figures["same"].append(seen)
        load = os.getloadavg()[0]
        print(
            f"same build {repeat + 1}: {seen or 'quiet'} (load {load:.1f})", flush=True
        )
    print(json.dumps({"bench": "try_slowdowns", "figures": figures}))
    sys.exit(failed)


if __name__ == "__main__":
    main()
