import time

from pensieve.engine.busy import Busy


def test_who_has_nothing_to_do_is_not_busy():
    busy = Busy()
    assert busy.seconds == 0
    busy.begin()
    busy.end()
    assert busy.seconds == 0


def test_each_beginning_counts_from_anew():
    busy = Busy()
    busy.begin()
    time.sleep(0.02)
    longer = busy.seconds
    busy.begin()

    assert 0 <= busy.seconds < longer
    assert longer >= 0.02
