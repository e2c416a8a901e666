import sys
import threading

from pensieve.prompt.recent import Recent


def test_what_was_kept_is_found():
    recent = Recent(10)
    recent.keep("ab", [1], 2)

    assert recent.find("ab") == [1]
    assert recent.find("a") is None


def test_what_was_not_asked_for_for_longest_goes_first():
    recent = Recent(4)
    recent.keep("a", 1, 2)
    recent.keep("b", 2, 2)
    recent.find("a")
    recent.keep("c", 3, 2)

    assert [recent.find(key) for key in "abc"] == [1, None, 3]


def test_a_long_value_pushes_out_as_many_as_it_needs():
    recent = Recent(6)
    for key in "abc":
        recent.keep(key, key, 2)
    recent.keep("d", "d", 4)

    assert [recent.find(key) for key in "abcd"] == [None, None, "c", "d"]


def test_what_is_too_long_by_itself_is_not_kept_and_pushes_nothing_out():
    recent = Recent(4)
    recent.keep("a", 1, 4)
    recent.keep("b", 2, 5)

    assert [recent.find(key) for key in "ab"] == [1, None]


def test_a_key_keeps_its_first_value_and_is_counted_once():
    recent = Recent(4)
    for value in range(3):
        recent.keep("a", value, 2)
    recent.keep("b", 7, 2)

    assert [recent.find(key) for key in "ab"] == [0, 7]


def test_threads_do_not_lose_count():
    recent = Recent(100)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)

    def work(first):
        for number in range(first, first + 2000):
            recent.keep(number, number, 10)
            assert recent.find(number) in (None, number)

    try:
        threads = [threading.Thread(target=work, args=(i * 10_000,)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)

    known = [number for number in range(40_000) if recent.find(number) is not None]
    assert len(known) == 10
