import json

from pensieve.bench.outcome import Outcome, change, outcome
from pensieve.bench.spread import Verdict


def measured(subject, baseline, name="x", **details):
    return outcome(name, {"pensieve": subject, "twin": baseline}, **details)


def test_the_ratio_is_of_pairs_not_of_medians():
    # A machine that is three times slower in some rounds is so for both.
    found = measured([1.0, 3.0, 1.0, 3.0], [2.0, 6.0, 2.0, 6.0])

    assert (found.ratio.low, found.ratio.median, found.ratio.high) == (0.5, 0.5, 0.5)


def test_an_outcome_survives_json():
    found = measured([1.0] * 6, [2.0] * 6, unit="tokens/s", is_more_better=True)

    kept = json.loads(json.dumps(found.to_json()))

    assert Outcome.from_json("x", kept) == found


def test_a_slower_machine_is_no_change():
    old = measured([1.0] * 8, [4.0] * 8)
    new = measured([3.0] * 8, [12.0] * 8)

    moved = change(new, old)

    assert moved.of == "ratio to twin"
    assert moved.spread.median == 1
    assert moved.verdict is Verdict.SAME


def test_a_slower_subject_is_one():
    old = measured([1.0] * 8, [4.0] * 8)
    new = measured([3.3] * 8, [12.0] * 8)

    assert change(new, old).verdict is Verdict.SLOWER
    assert change(old, new).verdict is Verdict.FASTER


def test_noise_of_either_side_hides_a_small_change():
    quiet = measured([1.1] * 8, [1.0] * 8)
    noisy = measured([0.9, 1.0, 1.1, 1.2] * 2, [1.0] * 8)

    assert change(quiet, noisy).verdict is Verdict.SAME
    assert change(noisy, quiet).verdict is Verdict.SAME


def test_without_the_same_baseline_the_figures_themselves_are_compared():
    old = outcome("x", {"pensieve": [10.0] * 6}, unit="tokens/s", is_more_better=True)
    new = outcome("x", {"pensieve": [5.0] * 6}, unit="tokens/s", is_more_better=True)

    moved = change(new, old)

    assert moved.of == "tokens/s"
    assert moved.verdict is Verdict.SLOWER


def test_differences_are_not_compared():
    old, new = outcome("x", {"p": [-0.1] * 6}), outcome("x", {"p": [0.3] * 6})

    assert change(new, old) is None
    assert change(old, new) is None


def test_what_was_skipped_is_not_compared():
    assert change(Outcome("x", skipped="no"), measured([1.0], [1.0])) is None
