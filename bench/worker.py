"""Runs cases for another process: a slice whenever it is told to, on CPU time.

It answers lines of JSON on standard input with lines on standard output. First it says
which native modules it has. `{"case", "slice_s"}` sets a case up and says how many
calls fill a slice; `{"loops"}` runs a slice and says the seconds of a call.
"""

import hashlib
import json
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from .case import MissingError, Work
from .native import CASES, MODULES
from .timing import CPU, loops_for, no_collections, seconds


def main(folder: Path) -> None:
    """Answer until standard input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints is no answer

    def tell(**words: object) -> None:
        print(json.dumps(words), file=answers, flush=True)

    cases = {case.name: case for case in CASES}
    work: Work = dict
    with no_collections():
        tell(modules=_modules())
        for line in sys.stdin:
            asked: dict[str, Any] = json.loads(line)
            if "case" not in asked:
                tell(seconds=seconds(work, asked["loops"], CPU))
                continue
            try:
                work = cases[asked["case"]].make(folder).subject
            except MissingError:
                tell(loops=0)
            else:
                tell(loops=loops_for(work, CPU, asked["slice_s"]))


def _modules() -> dict[str, str]:
    sums = {}
    for name in MODULES:
        try:
            spec = find_spec(f"pensieve._native.{name}")
        except ModuleNotFoundError:
            continue
        if spec and spec.origin:
            content = Path(spec.origin).read_bytes()
            sums[name] = hashlib.sha256(content).hexdigest()[:16]
    return sums
