"""`pensieve-bench`: what is asked for, printed, kept, compared, and how it exits."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from pensieve.bench import ending, plot
from pensieve.bench.cli import main
from pensieve.bench.outcome import Change, outcome
from pensieve.bench.spread import Spread, Verdict

from pensieve import places

QUICK = ("native", "sse.frame", "--rounds", "6")


def run(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


def last_line(told):
    return json.loads(told.stdout.splitlines()[-1])


@pytest.fixture
def finish(capsys):
    """Return what ends a made-up run, and what it printed and exited with."""

    def finish(outcomes, changes=(), **asked):
        wanted = {"save": None, "compare": None, "strict": False}
        wanted |= {"report": None, "plot": None} | asked
        status = 0
        try:
            ending.finish("native", outcomes, ending.Ending(**wanted), changes)
        except SystemExit as end:
            status = end.code
        return status, capsys.readouterr().out

    return finish


def measured(subject, baseline=1.0):
    return outcome("sse.delta", {"pensieve": [subject] * 8, "json": [baseline] * 8})


def test_cases_are_named():
    told = run("native", "--list")

    assert told.exit_code == 0
    assert {"sse.delta", "gguf.open"} <= set(told.stdout.split())


def test_a_run_ends_with_a_line_of_json():
    told = run(*QUICK)

    assert told.exit_code == 0, told.output
    record = last_line(told)
    assert record["bench"] == "native"
    assert {"machine", "versions", "commit", "taken_at"} <= record.keys()
    figures = record["figures"]["outcomes"]["sse.frame"]
    assert figures["spreads"].keys() == {"pensieve", "bytes"}
    assert figures["ratio"]["num_values"] == 6
    assert "│ sse.frame │ pensieve │" in told.stdout


def test_a_name_that_is_none_is_refused():
    told = run("native", "sse.nothing")

    assert told.exit_code == 2
    assert "expected some of sse.delta" in told.stderr


def test_a_result_is_kept_under_its_name_and_compared_with():
    assert run(*QUICK, "--save", "first").exit_code == 0
    assert (places.state_dir() / "bench" / "first.json").exists()

    told = run(*QUICK, "--compare", "first")

    assert told.exit_code == 0
    assert "native: changes" in told.stdout
    assert "ratio to bytes" in told.stdout


def test_what_cannot_be_compared_with_is_told_before_anything_runs(tmp_path):
    told = run(*QUICK, "--compare", "nothing")
    assert told.exit_code == 1
    assert "no such result; `--save nothing` makes it" in told.stderr
    assert "sse.frame" not in told.stderr

    (tmp_path / "other.json").write_text('{"bench": "serve"}')
    told = run(*QUICK, "--compare", tmp_path / "other.json")
    assert told.exit_code == 1
    assert "expected a result of pensieve-bench" in told.stderr


def test_a_result_of_another_suite_is_refused(finish, tmp_path):
    finish([measured(1.0)], save=str(tmp_path / "native.json"))

    told = run("kernels", "--compare", tmp_path / "native.json")

    assert told.exit_code == 1
    assert "expected a result of 'kernels', got one of 'native'" in told.stderr


@pytest.mark.parametrize(
    ("now", "strict", "status", "word"),
    [
        (1.0, True, 0, "within noise"),
        (1.2, False, 0, "slower: sse.delta, 1.200"),
        (1.2, True, 1, "slower: sse.delta, 1.200"),
        (0.8, True, 0, "faster: sse.delta, 0.800"),
    ],
)
def test_a_slower_figure_is_an_error_only_if_asked(
    finish, tmp_path, now, strict, status, word
):
    kept = str(tmp_path / "kept.json")
    finish([measured(1.0)], save=kept)

    assert finish([measured(now)], compare=kept, strict=strict)[0] == status
    assert word in finish([measured(now)], compare=kept, strict=strict)[1]


@pytest.mark.parametrize(
    ("verdict", "status"), [(Verdict.SLOWER, 1), (Verdict.FASTER, 0), (Verdict.SAME, 0)]
)
def test_a_slower_build_is_an_error(finish, verdict, status):
    moved = Change("sse.delta", "CPU time", Spread(1.1, 0, 1.1, 1.1, 10), verdict)

    assert finish([measured(1.1)], [moved])[0] == status


def test_a_report_has_the_figures_the_changes_and_the_machine(finish, tmp_path):
    kept, report = str(tmp_path / "kept.json"), tmp_path / "report.md"
    finish([measured(1.0)], save=kept)

    finish([measured(1.2)], compare=kept, report=report)

    text = report.read_text()
    assert text.startswith("# pensieve-bench native\n")
    assert "| sse.delta | pensieve | 1.20 s | ±0.0% |  | 1.2 [1.2, 1.2] |" in text
    assert "|  | json | 1.00 s | ±0.0% |  | baseline |" in text
    row = "| sse.delta | ratio to json | 1.200 | [1.200, 1.200] | slower |"
    assert row in text
    assert "| load average |" in text
    line = text.split("```json\n")[1].split("\n```")[0]
    assert json.loads(line)["bench"] == "native"


@pytest.mark.parametrize("suffix", [".svg", ".png"])
def test_a_run_is_drawn(finish, tmp_path, suffix):
    pytest.importorskip("matplotlib")
    path = tmp_path / f"drawn{suffix}"

    finish([measured(0.5)], plot=path)

    start = path.read_bytes()[:200]
    assert start.startswith(b"<?xml" if suffix == ".svg" else b"\x89PNG")


def test_a_missing_matplotlib_is_told_before_anything_runs(monkeypatch):
    monkeypatch.setattr(plot, "find_spec", lambda name: None)

    told = run(*QUICK, "--plot", "drawn.svg")

    assert told.exit_code == 1
    assert "pip install 'pensieve[bench]'" in told.stderr
    assert not Path("drawn.svg").exists()


def test_a_drawing_of_another_kind_is_refused():
    told = run(*QUICK, "--plot", "drawn.gif")

    assert told.exit_code == 1
    assert "expected a file of .svg, .png, .pdf, got 'drawn.gif'" in told.stderr


def test_a_build_that_is_none_is_refused():
    told = run("native", "--against", "/nowhere")

    assert told.exit_code == 2
    assert "got '/nowhere'" in told.stderr


def test_help_says_when_a_change_is_one():
    told = run("native", "--help")

    words = " ".join(told.stdout.split())
    assert "order statistics" in words
    assert "as a whole beyond 3%" in words


def test_figures_of_scripts_are_flat_and_have_units():
    from pensieve.bench.engine.suite import flat, unit_of

    figures = {"model": "m", "pairs": 3, "a_ms": 2, "group": {"tokens_per_s": 5.0}}

    assert dict(flat("x", figures)) == {"x.a_ms": 2.0, "x.group.tokens_per_s": 5.0}
    assert unit_of("x.a_ms") == "ms"
    assert unit_of("x.group.tokens_per_s") == "tokens/s"
    assert unit_of("x.cold_s") == "s"
    assert unit_of("x.ratio") == ""
