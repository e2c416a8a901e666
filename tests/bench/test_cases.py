"""The declarations: each sets itself up, runs, and has a baseline."""

import sys
from pathlib import Path

import pytest
from pensieve.bench.case import Case, MissingError, chosen
from pensieve.bench.native import CASES as NATIVE
from pensieve.bench.native import sse

ROOT = Path(__file__).parents[2]


def native_modules():
    return sorted(path.stem for path in (ROOT / "csrc").glob("*.pyx"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("cases")


@pytest.mark.parametrize("case", NATIVE, ids=lambda case: case.name)
def test_a_native_case_runs_beside_a_baseline(case, folder):
    if case.name.split(".")[0] not in native_modules():
        with pytest.raises(MissingError, match=r"no pensieve\._native\."):
            case.make(folder)
        return

    contest = case.make(folder)

    assert contest.baselines
    assert contest.num_bytes > 0
    for work in (contest.subject, *contest.baselines.values()):
        assert work() is not None


@pytest.mark.parametrize("module", native_modules())
def test_each_native_module_has_cases(module):
    assert [case for case in NATIVE if case.name.startswith(f"{module}.")]


@pytest.mark.parametrize("text", [sse.SHORT, sse.LONG])
def test_all_frame_the_same_bytes(text, folder):
    contest = sse.delta(text)(folder)

    framed = {name: work() for name, work in contest.baselines.items()}

    assert framed == {name: contest.subject() for name in contest.baselines}


def test_kernels_run_beside_a_baseline(folder):
    from pensieve.bench.kernels import CASES

    for case in CASES:
        if case.name.endswith("_49k"):
            contest = case.make(folder)
            assert contest.baselines
            for work in (contest.subject, *contest.baselines.values()):
                work()


def test_a_missing_module_is_told(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "pensieve._native.gguf", None)
    case = next(case for case in NATIVE if case.name == "gguf.open")

    with pytest.raises(MissingError, match=r"^no pensieve\._native\.gguf here$"):
        case.make(folder)


def test_a_missing_rival_is_told_and_the_subject_runs(folder, monkeypatch):
    monkeypatch.setattr("pensieve.bench.native.gguf.find_spec", lambda name: None)
    case = next(case for case in NATIVE if case.name == "gguf.open")

    contest = case.make(folder)

    assert contest.baselines == {}
    assert contest.others == {"gguf-py": "not installed"}
    assert contest.subject()


def test_cases_are_chosen_by_how_they_begin():
    cases = [Case(name, lambda _: None) for name in ("a.x", "a.y", "b.x")]

    assert [case.name for case in chosen(cases, ("a",))] == ["a.x", "a.y"]
    assert chosen(cases, ()) == cases
    with pytest.raises(ValueError, match=r"expected some of a\.x, a\.y, b\.x; got 'c'"):
        chosen(cases, ("a", "c"))
