"""The order alone; what the scheduler makes of it: test_scheduler_order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference.processor_sharing import completions

from pensieve.engine.scheduling.prefill_order import PrefillOrder, level


def order_of(*prompts, **background) -> PrefillOrder[str]:
    """Return an order of (key, conversation, size), all there at once."""
    order = PrefillOrder()
    for key, conversation, size in prompts:
        order.add(key, conversation, size, background.get(key, False))
    return order


def work(prompts, arrivals, chunk):
    """Prefill in the order; return when each prompt is complete, in tokens of work."""
    order, left, ends, now = PrefillOrder(), {}, {}, 0
    coming = sorted(prompts, key=arrivals.get)
    while coming or left:
        if not left:
            now = max(now, arrivals[coming[0]])
        while coming and arrivals[coming[0]] <= now:
            key = coming.pop(0)
            conversation, left[key] = prompts[key]
            order.add(key, conversation, left[key])
        first = order.ranked(left)[0]
        portion = min(chunk, left[first])
        order.spend(first, portion)
        left[first] -= portion
        now += portion
        if left[first] == 0:
            order.remove(first)
            del left[first]
            ends[first] = now
    return ends


def test_of_prompts_that_come_together_the_shortest_is_first():
    order = order_of(("long", 1, 900), ("short", 2, 30), ("middle", 3, 200))

    assert order.ranked(["long", "short", "middle"]) == ["short", "middle", "long"]


def test_of_equal_prompts_the_one_that_came_first_is_first():
    order = order_of(("a", 1, 50), ("b", 2, 50), ("c", 3, 50))

    assert order.ranked(["c", "b", "a"]) == ["a", "b", "c"]


def test_only_the_sequences_asked_for_are_ranked():
    order = order_of(("a", 1, 50), ("b", 2, 5), ("c", 3, 500))

    assert order.ranked(["c", "a"]) == ["a", "c"]


def test_a_short_prompt_overtakes_a_long_one_that_has_begun():
    order = order_of(("long", 1, 10_000))
    order.spend("long", 2_000)
    order.add("short", 2, 700)

    assert order.ranked(["long", "short"]) == ["short", "long"]


def test_a_prompt_that_has_waited_goes_before_a_later_one_of_its_size():
    order = order_of(("old", 1, 900), ("other", 2, 700))
    order.spend("other", 700)
    order.add("new", 3, 800)

    assert order.ranked(["old", "new"]) == ["old", "new"]


def test_however_many_short_prompts_come_the_oldest_has_every_fourth_chunk():
    """Short ones of new conversations without end."""
    order, left = order_of(("long", 0, 900)), 900
    others = 0
    while left:
        key = f"short {others}"
        order.add(key, key, 100)
        chosen = order.next(["long", key])
        order.spend(chosen, 100)
        left -= 100 if chosen == "long" else 0
        others += chosen == key
        order.remove(key)

    assert others <= 3 * 9


def test_a_single_prompt_is_always_next():
    order = order_of(("a", 1, 50))

    assert [order.next(["a"]) for _ in range(9)] == ["a"] * 9


def test_the_oldest_is_no_background_one_unless_all_are():
    order = order_of(("batch", 1, 5), ("a", 2, 50), ("b", 3, 50), batch=True)

    assert order.oldest(["b", "a", "batch"]) == "a"
    assert order.oldest(["batch"]) == "batch"


def test_a_conversation_gets_no_more_for_having_eight_prompts():
    eight = [(f"agent {i}", "eight", 1000) for i in range(8)]
    order = order_of(*eight, ("single", "one", 5000))

    assert order.ranked([key for key, *_ in eight] + ["single"])[0] == "single"


def test_what_a_conversation_had_counts_after_its_sequence_has_gone():
    order = order_of(("a", "greedy", 1000), ("b", "modest", 1500))
    order.spend("a", 1000)
    order.remove("a")
    order.add("again", "greedy", 1200)

    assert order.ranked(["again", "b"]) == ["b", "again"]


def test_letting_go_what_is_not_there_is_nothing():
    order = order_of(("a", "one", 10))

    order.remove("b")

    assert order.next(["a"]) == "a"


def test_a_prompt_that_is_broken_off_counts_by_what_it_had():
    order = order_of(("a", "greedy", 100_000), ("b", "modest", 110_000))
    order.spend("a", 10)
    order.remove("a")
    order.add("again", "greedy", 109_000)

    assert order.ranked(["again", "b"]) == ["again", "b"]


def test_a_prompt_that_others_have_computed_moves_up():
    order = order_of(("a", 1, 500), ("b", 2, 900))

    order.shorten("b", 100)

    assert order.ranked("ab") == ["b", "a"]


def test_background_prompts_are_last_whatever_their_size_and_age():
    order = order_of(("batch", 1, 1), ("long", 2, 10_000), batch=True)
    order.spend("long", 9_000)
    order.add("new", 2, 5_000)

    assert order.ranked(["batch", "long", "new"]) == ["long", "new", "batch"]
    assert order.is_background("batch")
    assert not order.is_background("long")


def test_background_work_takes_nothing_from_the_others_shares():
    order = order_of(("batch", "a", 1000), ("other", "b", 990), batch=True)
    order.spend("batch", 1000)
    order.remove("batch")
    order.add("live", "a", 980)

    assert order.ranked(["live", "other"]) == ["live", "other"]


@pytest.mark.parametrize(
    ("amounts", "total", "expected"),
    [
        ([], 5, float("inf")),
        ([10], 4, 4),
        ([10, 10], 4, 2),
        ([1, 10], 4, 3),
        ([1, 2, 10], 6, 3),
        ([1, 2], 3, float("inf")),
        ([5, 5], 0, 0),
    ],
)
def test_a_level_is_what_each_may_take(amounts, total, expected):
    assert level(amounts, total) == expected


PROMPTS = st.dictionaries(
    st.integers(0, 11),
    st.tuples(st.integers(0, 3), st.integers(1, 60), st.integers(0, 150)),
    min_size=1,
)


@given(PROMPTS, st.sampled_from([1, 4, 16]))
def test_a_conversations_prompt_is_complete_as_under_equal_sharing_but_for_a_chunk(
    drawn, chunk
):
    prompts = {key: (key, size) for key, (_, size, _) in drawn.items()}
    arrivals = {key: at for key, (_, _, at) in drawn.items()}

    ends = work(prompts, arrivals, chunk)

    shared = completions(prompts, arrivals)
    late = {key: ends[key] - float(shared[key]) for key in prompts}
    assert max(late.values()) <= chunk + 1e-3, late


@given(PROMPTS, st.sampled_from([1, 4, 16]))
def test_one_of_several_of_a_conversation_is_not_much_later(drawn, chunk):
    prompts = {key: (name, size) for key, (name, size, _) in drawn.items()}
    arrivals = {key: at for key, (_, _, at) in drawn.items()}

    ends = work(prompts, arrivals, chunk)

    shared = completions(prompts, arrivals)
    for key, end in ends.items():
        assert end - arrivals[key] <= 2 * float(shared[key] - arrivals[key]) + chunk


@given(PROMPTS)
def test_all_work_is_done_and_none_in_vain(drawn):
    prompts = {key: (name, size) for key, (name, size, _) in drawn.items()}
    arrivals = dict.fromkeys(drawn, 0)

    ends = work(prompts, arrivals, chunk=8)

    assert max(ends.values()) == sum(size for _, size in prompts.values())


@given(PROMPTS)
def test_the_order_is_that_of_the_ends_under_equal_sharing(drawn):
    order = PrefillOrder()
    prompts = {key: (name, size) for key, (name, size, _) in drawn.items()}
    for key, (name, size) in prompts.items():
        order.add(key, name, size)

    ranked = order.ranked(prompts)

    shared = completions(prompts, dict.fromkeys(prompts, 0))
    assert [shared[key] for key in ranked] == sorted(shared.values())
