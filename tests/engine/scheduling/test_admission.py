from pensieve.engine.scheduling.admission import AdmissionOrder
from pensieve.engine.scheduling.prefill_order import PrefillOrder


def admission(*sequences, background=()) -> AdmissionOrder[str]:
    """Return the order of (key, conversation, size)."""
    order = PrefillOrder()
    for key, conversation, size in sequences:
        order.add(key, conversation, size, key in background)
    return AdmissionOrder(order)


def test_one_that_waits_alone_is_first():
    assert admission(("a", 1, 5)).ranked(["a"], []) == ["a"]


def test_the_conversation_with_the_fewest_sequences_in_the_batch_is_first():
    rows = [(f"row {i}", "eight", 10) for i in range(7)]
    order = admission(*rows, ("more", "eight", 1), ("single", "one", 5000))

    inside = [key for key, *_ in rows]
    assert order.ranked(["more", "single"], inside) == ["single", "more"]


def test_of_equal_conversations_the_shorter_prompt_is_first():
    order = admission(("a", 1, 500), ("b", 2, 50))

    assert order.ranked(["a", "b"], []) == ["b", "a"]


def test_background_sequences_are_last():
    order = admission(("batch", 1, 1), ("a", 2, 500), background={"batch"})

    assert order.ranked(["batch", "a"], ["a"]) == ["a", "batch"]


def test_every_fourth_place_is_the_oldests():
    """Sequences of new conversations without end, each shorter than the old one."""
    prefill = PrefillOrder()
    prefill.add("row", "busy", 10)
    prefill.add("old", "busy", 1000)
    order = AdmissionOrder(prefill)
    let_in = []
    while "old" not in let_in:
        key = f"new {len(let_in)}"
        prefill.add(key, key, 10)
        [first, *others] = order.ranked(["old", key], ["row"])
        order.note_let_in(len(others))
        let_in.append(first)
        if first != "old":
            prefill.remove(key)

    assert len(let_in) == 4


def test_a_place_that_nobody_else_wanted_is_not_counted():
    order = admission(("a", 1, 5), ("b", 2, 50))
    for _ in range(3):
        order.note_let_in(0)

    assert order.ranked(["b", "a"], []) == ["a", "b"]
