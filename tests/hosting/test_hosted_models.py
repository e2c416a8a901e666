"""When engines come and go: by use, by time, by memory. No engine, no time passes."""

import asyncio

import pytest
from hosting.scripted_host import LEFT_MB, PROCESSES_MB, Host

from pensieve.errors import ModelError, NotFoundError, OverloadedError

THREE = {"a": 500, "b": 500, "c": 500}
ROOM_FOR_TWO_MB = 2 * (500 + PROCESSES_MB) + LEFT_MB


async def told_to_end(engine):
    """Wait until an engine is being ended, for which its `may_end` is waited for."""
    async with asyncio.timeout(20):
        await engine.is_told_to_end.wait()


# ----- Use -----


async def test_the_main_model_is_started_with_the_server_others_when_they_are_named():
    host = Host(THREE)
    await host.models.start()
    assert host.loaded() == "a"

    await host.use("b")

    assert host.loaded() == "ab"
    await host.models.close()
    assert [engine.num_ends for engine in host.engines.values()] == [0, 0, 0]
    assert all(engine.is_closed for engine in host.engines.values())


async def test_one_engine_serves_all_that_come_while_it_runs():
    host = Host(THREE)

    await asyncio.gather(*(host.use("b") for _ in range(9)))
    await host.use("b")

    assert host.engines["b"].num_starts == 1


async def test_engines_that_a_worker_before_has_left_are_taken_up():
    host = Host(THREE)
    host.engines["c"].is_left_over = True

    await host.models.start()

    assert host.loaded() == "ac"
    await host.models.close()


async def test_serving_gives_the_pipeline_of_the_model_that_is_meant():
    host = Host(THREE, aliases={"claude-haiku-*": "b"})

    async with host.models.serving("claude-haiku-5-5") as pipeline:
        assert pipeline is await host.models.named("b").pipeline()
        assert host.models.named("b").num_requests == 1
    with pytest.raises(NotFoundError):
        async with host.models.serving("d"):
            pass
    assert host.loaded() == "b"
    assert host.models.named("b").num_requests == 0


# ----- Time -----


async def test_what_is_unused_for_long_enough_is_ended_and_started_again():
    host = Host(THREE, idle_s=60)
    await host.models.start()
    await host.use("b")

    host.now += 59.9
    await host.models.end_unused()
    assert host.loaded() == "ab"

    host.now += 0.1
    await host.models.end_unused()
    assert host.loaded() == "a"

    await host.use("b")
    assert host.loaded() == "ab"
    assert (host.engines["b"].num_starts, host.engines["b"].num_ends) == (2, 1)
    await host.models.close()


async def test_time_counts_from_the_end_of_the_last_request():
    host = Host(THREE, idle_s=60)
    async with host.models.in_use(host.models.named("b")):
        host.now += 3600
        await host.models.end_unused()
        assert host.loaded() == "b"

    host.now += 59
    await host.models.end_unused()
    assert host.loaded() == "b"

    host.now += 1
    await host.models.end_unused()
    assert host.loaded() == ""


async def test_time_does_not_count_while_the_model_is_loaded():
    host = Host(THREE, idle_s=60)
    host.engines["b"].next_status = "loading"
    await host.use("b")  # whose client did not wait

    for _ in range(9):
        host.now += 59
        await host.models.end_unused()
    assert host.loaded() == "b"

    host.engines["b"].status = "ready"
    host.now += 59
    await host.models.end_unused()
    assert host.loaded() == "b"

    host.now += 1
    await host.models.end_unused()
    assert host.loaded() == ""


async def test_the_main_model_goes_only_where_it_need_not_stay():
    for is_kept, left in ((True, "a"), (False, "")):
        host = Host(THREE, idle_s=60, is_kept=is_kept)
        await host.models.start()
        await host.use("a", "b")

        host.now += 60
        await host.models.end_unused()

        assert host.loaded() == left
        await host.models.close()


async def test_without_a_time_nothing_is_ended_but_what_has_failed():
    host = Host(THREE, idle_s=0)
    host.engines["c"].next_status = "failed"
    await host.use("b", "c")

    host.now += 59
    await host.use("c")  # which is no use
    assert host.engines["c"].num_starts == 1
    host.now += 1e6
    await host.models.end_unused()

    assert host.loaded() == "b"
    await host.use("c")
    assert host.engines["c"].num_starts == 2


# ----- Memory -----


async def test_the_longest_unused_is_ended_for_what_would_not_fit_beside_it():
    host = Host({"a": 0, **dict.fromkeys("bcd", 500)}, ROOM_FOR_TWO_MB, is_kept=False)

    await host.use("b", "c", "b", "d")

    assert host.loaded() == "bd"
    assert host.engines["c"].num_ends == 1


async def test_no_more_is_ended_than_has_to_be():
    sizes = {"a": 0, "b": 100, "c": 300, "d": 300}
    host = Host(sizes, 2 * (300 + PROCESSES_MB) + LEFT_MB + 99)

    await host.use("b", "c", "d")

    assert host.loaded() == "cd"


async def test_an_engine_in_use_is_not_ended_for_another_which_is_told_numbers():
    host = Host(THREE, ROOM_FOR_TWO_MB, is_kept=False)
    await host.models.start()
    async with (
        host.models.in_use(host.models.named("a")),
        host.models.in_use(host.models.named("b")),
    ):
        with pytest.raises(OverloadedError) as raised:
            await host.use("c")

    assert host.loaded() == "ab"
    assert host.models.named("c").num_requests == 0
    message = str(raised.value)
    assert message.startswith("c: expected 839 MB of free memory for the model and")
    assert "1.05 GB beside it, got 1.05 GB (machine)" in message
    assert message.endswith("; loaded beside it: a (in use), b (in use)")
    await host.use("c")  # now one may go
    assert host.loaded() == "bc"
    await host.models.close()


async def test_the_model_that_stays_is_not_ended_for_another_either():
    host = Host({"a": 500, "b": 900}, ROOM_FOR_TWO_MB)
    await host.models.start()

    with pytest.raises(OverloadedError, match=r"loaded beside it: a \(model.keep\)"):
        await host.use("b")

    assert host.loaded() == "a"
    await host.models.close()


async def test_nothing_is_ended_for_what_would_not_fit_even_then():
    host = Host({"a": 0, "b": 500, "c": 5000}, ROOM_FOR_TWO_MB, is_kept=False)
    await host.use("b")

    with pytest.raises(OverloadedError, match="c: expected"):
        await host.use("c")

    assert host.loaded() == "b"


async def test_a_model_that_is_still_loading_will_take_what_it_has_not_taken_yet():
    host = Host(THREE, ROOM_FOR_TWO_MB)
    host.engines["a"].next_status = "loading"
    await host.models.start()
    await host.use("b")

    with pytest.raises(OverloadedError):
        async with host.models.in_use(host.models.named("b")):
            await host.use("c")
    await host.models.close()


# ----- All at once -----


async def test_a_request_for_an_engine_that_is_being_ended_gets_the_next_one():
    host = Host(THREE, idle_s=60)
    await host.use("b")
    host.engines["b"].may_end.clear()
    host.now += 60
    ending = asyncio.create_task(host.models.end_unused())
    await told_to_end(host.engines["b"])

    request = asyncio.create_task(host.use("b"))
    await asyncio.sleep(0)
    assert not request.done()
    host.engines["b"].may_end.set()
    await asyncio.gather(ending, request)

    assert host.loaded() == "b"
    assert (host.engines["b"].num_starts, host.engines["b"].num_ends) == (2, 1)


async def test_others_are_served_while_an_engine_is_being_ended():
    host = Host(THREE, idle_s=60)
    await host.models.start()
    await host.use("b")
    host.engines["b"].may_end.clear()
    host.now += 60
    ending = asyncio.create_task(host.models.end_unused())
    await told_to_end(host.engines["b"])

    await host.use("a")

    assert not ending.done()
    host.engines["b"].may_end.set()
    await ending
    await host.models.close()


async def test_an_end_goes_on_where_the_client_that_wanted_the_room_has_left():
    host = Host(THREE, ROOM_FOR_TWO_MB, is_kept=False)
    await host.use("a", "b")
    host.engines["a"].may_end.clear()
    impatient = asyncio.create_task(host.use("c"))
    await told_to_end(host.engines["a"])
    impatient.cancel()
    await asyncio.gather(impatient, return_exceptions=True)

    again = asyncio.create_task(host.use("a"))
    await asyncio.sleep(0)
    assert not again.done()
    host.engines["a"].may_end.set()
    await again

    assert host.loaded() == "ab"
    assert host.models.named("c").num_requests == 0
    assert host.engines["a"].num_ends == 1


async def test_a_request_that_came_while_another_was_being_ended_keeps_its_engine():
    host = Host({"a": 0, **dict.fromkeys("bcd", 500)}, ROOM_FOR_TWO_MB, is_kept=False)
    await host.use("b", "c")
    host.engines["b"].may_end.clear()
    wanted = asyncio.create_task(host.use("d"))  # ends b, and then has room
    await told_to_end(host.engines["b"])

    async with host.models.in_use(host.models.named("c")):
        host.engines["b"].may_end.set()
        await wanted
        assert host.loaded() == "cd"


# ----- Pipelines -----


async def test_a_pipeline_is_opened_once_when_it_is_needed():
    opened = []

    def open_pipeline():
        opened.append(object())
        return opened[-1]

    host = Host(THREE, open_pipeline=open_pipeline)
    await host.models.start()
    assert opened == []

    model = host.models.named("b")
    found = await asyncio.gather(*(model.pipeline() for _ in range(5)))

    assert found == opened * 5
    assert host.loaded() == "a"
    await host.models.close()


async def test_a_pipeline_that_cannot_be_opened_is_tried_again_next_time():
    turns = iter([ModelError("no tokenizer.json"), None])

    def open_pipeline():
        if error := next(turns):
            raise error
        return "a pipeline"

    model = Host(THREE, open_pipeline=open_pipeline).models.named("b")

    with pytest.raises(
        OverloadedError, match=r"b cannot be served: no tokenizer\.json"
    ):
        await model.pipeline()
    assert await model.pipeline() == "a pipeline"
