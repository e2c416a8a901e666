import shutil
import sys
from pathlib import Path

import pytest
from pensieve.bench.against import compare_builds, slices_in_turn
from pensieve.bench.builds import Build, Worker, WorkerError, named
from pensieve.bench.native import CASES

ROOT = Path(__file__).parents[2]


class FakeWorker:
    def __init__(self, name, log, times):
        self.name = name
        self.log = log
        self.times = iter(times)

    def seconds(self, loops):
        self.log.append((self.name, loops))
        return next(self.times)


def test_slices_come_in_pairs_whose_order_alternates():
    log = []
    new, old = FakeWorker("new", log, [1, 2, 3]), FakeWorker("old", log, [4, 5, 6])

    times = slices_in_turn((new, old), 7, 3)

    assert times == ([1, 2, 3], [4, 5, 6])
    names = ["new", "old", "old", "new", "new", "old"]
    assert log == [(name, 7) for name in names]


def test_a_build_is_an_interpreter_an_environment_or_a_target(tmp_path):
    assert named("") == Build("this", sys.executable)
    assert named(sys.executable) == Build(sys.executable, sys.executable)
    prefix = str(Path(sys.executable).parents[1])
    assert named(prefix) == Build(prefix, f"{prefix}/bin/python")
    (tmp_path / "pensieve").mkdir()
    (tmp_path / "pensieve" / "__init__.py").touch()
    assert named(str(tmp_path)) == Build(str(tmp_path), sys.executable, str(tmp_path))
    with pytest.raises(ValueError, match="expected a Python interpreter"):
        named(str(tmp_path / "nothing"))


@pytest.fixture
def copied_build(tmp_path):
    """Copy the package and its compiled modules, as `pip install --target` has them."""
    import pensieve._native.sse

    target = tmp_path / "target"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "pensieve", target / "pensieve", ignore=ignored)
    for compiled in Path(pensieve._native.sse.__file__).parent.glob("*.so"):
        shutil.copy(compiled, target / "pensieve" / "_native")
    return target


def test_a_worker_has_the_target_and_not_what_is_installed(copied_build, tmp_path):
    """An editable install's finder would go before PYTHONPATH."""
    for compiled in (copied_build / "pensieve" / "_native").glob("sse*.so"):
        compiled.unlink()
    broken = copied_build / "pensieve" / "_native" / "sse.py"
    broken.write_text("raise SystemExit(5)")

    worker = Worker(named(str(copied_build)), tmp_path, 0)
    with pytest.raises(WorkerError, match="its worker ended with 5"):
        worker.prepare("sse.delta", 0.001)
    worker.close()


def test_a_worker_times_a_case(copied_build, tmp_path):
    worker = Worker(named(str(copied_build)), tmp_path, 0)
    try:
        loops = worker.prepare("sse.delta", 0.001)
        assert loops > 1
        assert 0 < worker.seconds(loops) < 1
        assert {"sse", "gguf"} <= worker.modules.keys()
    finally:
        worker.close()


def test_two_builds_are_compared_case_by_case(copied_build, tmp_path):
    cases = [case for case in CASES if case.name in ("sse.delta", "sse.frame")]

    outcomes, modules = compare_builds(
        named(""), named(str(copied_build)), cases, tmp_path, rounds=2
    )

    assert [each.name for each in outcomes] == ["sse.delta", "sse.frame"]
    for each in outcomes:
        assert each.ratio.num_values == 2
        assert each.subject == "new (this)"
    assert modules["new"]["sse"] == modules["old"]["sse"]


def test_a_case_that_one_build_lacks_is_passed_over(copied_build, tmp_path):
    for compiled in (copied_build / "pensieve" / "_native").glob("gguf*.so"):
        compiled.unlink()
    cases = [case for case in CASES if case.name == "gguf.open"]

    (found,), _ = compare_builds(
        named(""), named(str(copied_build)), cases, tmp_path, rounds=1
    )

    assert found.skipped == "not in both builds"
