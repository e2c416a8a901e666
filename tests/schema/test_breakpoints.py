import pytest
from reference.requests import EPHEMERAL, call, decoded, result, text, tool

from pensieve.errors import InvalidRequestError
from pensieve.schema.breakpoints import Breakpoint, marked


def test_marks_are_found_in_the_order_of_the_api():
    inner = text("a", **EPHEMERAL)
    request = decoded(
        ("user", text("Hi", **EPHEMERAL)),
        ("assistant", [*text("I look."), call("toolu_1")]),
        ("user", [result("toolu_1", inner)]),
        system=[*text("s"), *text("t", **EPHEMERAL)],
        tools=[tool("Read") | EPHEMERAL, tool("Bash")],
    )

    assert [*marked(request)] == [
        Breakpoint("tools", 0, 0),
        Breakpoint("system", 1, 0),
        Breakpoint("messages", 0, 0),
        Breakpoint("messages", 2, 0),
    ]


def test_strings_null_and_a_mark_of_the_whole_request_are_no_marks_of_blocks():
    request = decoded(("user", text("Hi", cache_control=None)), system="s", **EPHEMERAL)

    assert [*marked(request)] == []


@pytest.mark.parametrize("ttl", ["5m", "1h", None])
def test_a_mark_may_say_how_long(ttl):
    control = {"cache_control": {"type": "ephemeral", "ttl": ttl, "scope": "global"}}

    assert [*marked(decoded(("user", text("Hi", **control))))]


@pytest.mark.parametrize(
    ("control", "complaint"),
    [
        ({}, "type: Field required"),
        ({"type": "forever"}, "type: Input should be 'ephemeral', got 'forever'"),
        (
            {"type": "ephemeral", "ttl": "1d"},
            "ttl: Input should be '5m' or '1h', got '1d'",
        ),
        ({"type": "ephemeral", "ttl": 5}, "ttl: Input should be a valid string,"),
    ],
)
@pytest.mark.parametrize("field", ["messages", "system", "tools", ""])
def test_a_mark_of_another_kind_is_refused_where_it_is(field, control, complaint):
    mark = {"cache_control": control}
    said, path, fields = "Hi", "cache_control", {}
    if field == "messages":
        said, path = text("Hi", **mark), "messages.0.content.0.cache_control"
    elif field == "system":
        fields, path = {"system": text("s", **mark)}, "system.0.cache_control"
    elif field == "tools":
        fields, path = {"tools": [tool("Read") | mark]}, "tools.0.cache_control"
    else:
        fields = mark

    with pytest.raises(InvalidRequestError) as caught:
        decoded(("user", said), **fields)

    assert str(caught.value).startswith(f"{path}.{complaint}")


@pytest.mark.parametrize(("num_blocks", "whole"), [(4, {}), (5, {}), (3, EPHEMERAL)])
def test_four_marks_are_the_most(num_blocks, whole):
    blocks = text(*"abcdefgh"[:num_blocks], **EPHEMERAL)
    if num_blocks <= 4:
        assert decoded(("user", blocks), **whole)
        return

    with pytest.raises(InvalidRequestError) as caught:
        decoded(("user", blocks), **whole)

    assert str(caught.value) == (
        "A maximum of 4 blocks with cache_control may be provided. Found 5."
    )
