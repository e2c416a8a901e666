"""What is read from the prefix cache, written to it and computed, as usage tells it."""

import uuid

import pytest
from conformance.samples import assistant, text, user

CACHED = {"cache_control": {"type": "ephemeral"}}
COUNTS = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")


@pytest.fixture
def fresh():
    """Return the fields of a request that begins as no other has."""
    words = f"{uuid.uuid4()} says: be brief, be kind, and think before you speak."
    return {"system": [text(words, **CACHED)]}


def usage_of(answer, may_be_empty=False):
    return answer.message(may_be_empty)["usage"]


@pytest.mark.must
@pytest.mark.parametrize("stream", [None, True], ids=["whole", "streamed"])
def test_the_three_counts_of_a_prompt_are_its_length(api, fresh, stream):
    size = api.count("Hi", **fresh)

    for _ in range(2):
        usage = usage_of(api.post("/v1/messages", api.request(stream=stream, **fresh)))
        assert sum(usage[count] for count in COUNTS) == size
        assert sum(usage["cache_creation"].values()) == usage[COUNTS[1]]


@pytest.mark.should
def test_a_request_for_no_tokens_writes_what_the_next_one_reads(api, fresh):
    warmed = api.post("/v1/messages", api.request(max_tokens=0, **fresh))
    then = api.post("/v1/messages", api.request(**fresh))

    wrote, read = usage_of(warmed, may_be_empty=True), usage_of(then)
    assert warmed.json["stop_reason"] == "max_tokens"
    assert wrote["output_tokens"] == 0
    assert wrote["cache_creation_input_tokens"] > 10
    written = wrote["cache_read_input_tokens"] + wrote["cache_creation_input_tokens"]
    assert read["cache_read_input_tokens"] == written
    assert read["cache_creation_input_tokens"] == 0
    assert read["input_tokens"] == wrote["input_tokens"]


@pytest.mark.should
def test_the_next_turn_reads_the_one_before_it(api, fresh):
    first = api.ask("Hello.", **fresh)
    said = [user("Hello."), assistant(first.text()), user("How are you?")]
    second = api.ask(said, **fresh)

    read = usage_of(second)["cache_read_input_tokens"]
    assert first.prompt_tokens() - 1 <= read < second.prompt_tokens()


@pytest.mark.should
def test_a_question_that_is_asked_anew_reads_what_came_before_it(api, fresh):
    first = api.ask("Hello.", **fresh)
    begun = [user("Hello."), assistant(first.text())]
    api.ask([*begun, user("How are you?")], **fresh)

    edited = api.ask([*begun, user([text("Who are you, then?", **CACHED)])], **fresh)

    read = usage_of(edited)["cache_read_input_tokens"]
    assert first.prompt_tokens() <= read < edited.prompt_tokens()


@pytest.mark.must
def test_four_marks_are_taken(api):
    marked = [user([text(word, **CACHED) for word in ("a", "b", "c")])]

    assert api.ask(marked, system=[text("s", **CACHED)]).status == 200


@pytest.mark.should
def test_a_fifth_mark_is_refused(api):
    marked = [user([text(word, **CACHED) for word in ("a", "b", "c", "d", "e")])]

    assert "maximum of 4" in api.ask(marked).refusal()


@pytest.mark.should
@pytest.mark.parametrize("control", [{"type": "x"}, {"type": "ephemeral", "ttl": "x"}])
def test_a_mark_of_another_kind_is_refused(api, control):
    assert (
        "cache_control" in api.ask([user([text("a", cache_control=control)])]).refusal()
    )
