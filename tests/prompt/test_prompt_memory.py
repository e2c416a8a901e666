import threading
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pensieve.prompt.prompt_memory import NOTHING, Encoded, PromptMemory
from pensieve.prompt.prompt_memory import num_shared_chars as shared

END = "|"
MARGIN = 1


def encoded(text: str) -> Encoded:
    """A token for each character; the control token is one of a character."""
    ends = [place + 1 for place, char in enumerate(text) if char == END]
    return Encoded(array("I", map(ord, text)), array("Q", ends), array("Q", ends))


def beginning(memory: PromptMemory, text: str, is_start: bool = True) -> str:
    known = memory.beginning(text, is_start)
    assert known.num_chars == len(known.token_ids)
    return "".join(map(chr, known.token_ids))


@given(st.text("ab😀", max_size=30), st.text("ab😀", max_size=30), st.integers(0, 40))
def test_shared_characters_are_counted(first, second, at_least):
    num_shared = 0
    while first[: num_shared + 1] == second[: num_shared + 1]:
        if num_shared == min(len(first), len(second)):
            break
        num_shared += 1

    assert shared(first, second) == num_shared
    assert shared(first, second, at_least) == (
        num_shared if num_shared >= at_least else 0
    )


def test_what_a_prompt_begins_with_is_known_up_to_a_control_token():
    memory = PromptMemory(MARGIN, max_chars=1000)
    assert memory.beginning("ab|cd|ef", True) == NOTHING

    memory.keep("ab|cd|ef", True, encoded("ab|cd|ef"))

    assert beginning(memory, "ab|cd|ef") == "ab|cd|"
    assert beginning(memory, "ab|cd|ef|gh") == "ab|cd|"
    assert beginning(memory, "ab|cd|xx") == "ab|"  # "|x" might be another token
    assert beginning(memory, "ab|xx") == ""
    assert beginning(memory, "ab|cd|ef", is_start=False) == ""


def test_the_longest_beginning_of_any_prompt_is_found():
    memory = PromptMemory(MARGIN, max_chars=1000)
    for text in ["a|b|c|x", "a|b|c|d|yy", "a|z", "a|b|x"]:
        memory.keep(text, True, encoded(text))

    assert beginning(memory, "a|b|c|d|yz") == "a|b|c|d|"
    assert beginning(memory, "a|z|") == "a|"


def test_a_prompt_stands_for_those_that_it_begins_with():
    memory = PromptMemory(MARGIN, max_chars=40)
    text = ""
    for turn in range(9):
        text += f"{turn}|x"
        memory.keep(text, True, encoded(text))

    assert beginning(memory, text) == text[:-1]  # none of them was driven out
    assert beginning(memory, "0|x1|x2|y") == "0|x1|"


def test_the_least_recently_used_goes_first():
    memory = PromptMemory(MARGIN, max_chars=12)
    for text in ["a|aa", "b|bb", "c|cc"]:
        memory.keep(text, True, encoded(text))
    beginning(memory, "a|aa")
    memory.keep("d|dd", True, encoded("d|dd"))

    assert beginning(memory, "a|aa") == "a|"
    assert beginning(memory, "b|bb") == ""
    assert beginning(memory, "c|cc") == "c|"


def test_what_is_too_long_to_keep_drives_nothing_out():
    memory = PromptMemory(MARGIN, max_chars=6)
    for text in ["a|aa", "b|bbbbb"]:
        memory.keep(text, True, encoded(text))

    assert beginning(memory, "a|aa") == "a|"
    assert beginning(memory, "b|bbbbb") == ""


@pytest.mark.parametrize("margin", [1, 3])
def test_what_is_known_is_always_right(margin):
    @given(st.lists(st.text("a|", max_size=12), max_size=12))
    def check(texts):
        memory = PromptMemory(margin, max_chars=40)
        for text in texts:
            known = beginning(memory, text)
            assert text.startswith(known)
            assert not known or known.endswith(END)
            memory.keep(text, True, encoded(text))

    check()


def test_threads_share_a_memory():
    memory = PromptMemory(MARGIN, max_chars=100)
    wrong = []

    def use(name):
        for turn in range(300):
            text = f"{name}|{'x|' * (turn % 20)}"
            if not text.startswith(beginning(memory, text)):
                wrong.append(text)
            memory.keep(text, True, encoded(text))

    threads = [threading.Thread(target=use, args=(name,)) for name in "abcdefgh"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []
