"""Whose place a new connection gets."""

from pensieve.serve.room import LEAVING, Room, Stage


class Guest:
    """Notes what it is told."""

    def __init__(self, name):
        self.name = name
        self.told = []

    def __repr__(self):
        return self.name

    def make_way(self, stage):
        self.told.append(stage)

    def abort(self):
        self.told.append("abort")


def guests(count):
    return [Guest(f"guest {number}") for number in range(count)]


def test_there_are_so_many_places():
    room = Room(2)
    first, second, third = guests(3)
    for guest in (first, second):
        assert room.enter(guest)
        room.moved(guest, Stage.ANSWER)

    assert not room.enter(third)
    assert len(room) == 2
    room.left(first)
    assert room.enter(third)
    assert first.told == second.told == []


def test_who_has_sent_no_head_goes_first_and_the_oldest_of_them():
    room = Room(4)
    silent, second, idle, body = guests(4)
    for guest in (silent, second, idle, body):
        room.enter(guest)
    room.moved(idle, Stage.IDLE)
    room.moved(body, Stage.BODY)
    for expected, stage in (
        (silent, Stage.HEAD),
        (second, Stage.HEAD),
        (idle, Stage.IDLE),
        (body, Stage.BODY),
    ):
        busy = Guest("busy")
        assert room.enter(busy)
        room.moved(busy, Stage.ANSWER)
        assert expected.told == [stage]
    assert not room.enter(Guest("too many"))


def test_who_has_just_been_answered_is_the_last_of_the_idle():
    room = Room(2)
    first, second = guests(2)
    for guest in (first, second):
        room.enter(guest)
        room.moved(guest, Stage.IDLE)
    room.moved(first, Stage.ANSWER)
    room.moved(first, Stage.IDLE)
    room.enter(Guest("new"))

    assert second.told == [Stage.IDLE]
    assert first.told == []


def test_only_so_many_connections_are_leaving():
    room = Room(2)
    many = guests(2 * LEAVING + 4)
    for guest in many:
        assert room.enter(guest)

    assert [guest.told for guest in many] == [
        *([Stage.HEAD, "abort"],) * 2,
        *([Stage.HEAD],) * 2 * LEAVING,
        *([],) * 2,
    ]
    assert len(room) == 2


def test_who_has_left_is_forgotten():
    room = Room(1)
    first, second = guests(2)
    room.enter(first)
    room.left(first)
    room.left(first)
    room.moved(first, Stage.BODY)
    room.enter(second)

    assert first.told == []
    assert room.guests() == [second]
    room.clear()
    assert second.told == ["abort"]
