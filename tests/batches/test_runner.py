"""The runner, with a pipeline that answers as the request's model name says."""

import asyncio
import contextlib
import json
import re
import sqlite3

import msgspec
import pytest

from pensieve.batches.runner import BatchRunner
from pensieve.batches.store import BatchStore
from pensieve.errors import InvalidRequestError, NotFoundError, OverloadedError
from pensieve.figures.totals import Outcome, Totals
from pensieve.schema.batch import BatchRequest
from pensieve.schema.message import Message, TextBlock, Usage


class Pipeline:
    def __init__(self):
        self.begun = []
        self.most_at_once = 0
        self.at_once = 0
        self.may_end = asyncio.Event()
        self.num_overloads = 0

    async def prepare(self, request, figures):
        if request.model == "bad":
            raise InvalidRequestError("messages: no")
        return request

    async def answer(self, request, is_background, figures):
        assert is_background
        if self.num_overloads:
            self.num_overloads -= 1
            raise OverloadedError("not now")
        self.begun.append(request.model)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self.may_end.wait()
        finally:
            self.at_once -= 1
        if request.model == "broken":
            raise ZeroDivisionError
        figures.stopped("end_turn", 1)
        return Message(
            id="msg_1",
            model=request.model,
            content=[TextBlock("hi")],
            stop_reason="end_turn",
            usage=Usage(input_tokens=1, output_tokens=1),
        )


@pytest.fixture
def store(tmp_path):
    with BatchStore(tmp_path / "batches.sqlite3") as store:
        yield store


@pytest.fixture
def pipeline():
    return Pipeline()


@pytest.fixture
def totals():
    return Totals()


@pytest.fixture
def new_runner(store, tmp_path, pipeline, totals):
    @contextlib.asynccontextmanager
    async def serving(model):
        if model == "unknown":
            raise NotFoundError("model: no")
        yield pipeline

    return lambda: BatchRunner(store, tmp_path / "lock", serving, 2, totals)


@contextlib.asynccontextmanager
async def running(runner):
    runner.start()
    try:
        yield
    finally:
        await runner.close()


def params(model, **fields):
    message = {"role": "user", "content": "hi"}
    body = {"model": model, "max_tokens": 5, "messages": [message], **fields}
    return msgspec.Raw(msgspec.json.encode(body))


def create(store, *models, **fields):
    return store.create(
        [BatchRequest(f"r{i}", params(each, **fields)) for i, each in enumerate(models)]
    ).id


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


async def ended(store, batch_id):
    await until(lambda: store.get(batch_id).processing_status == "ended")
    return [json.loads(line)["result"] for line in store.results(batch_id)]


async def test_each_request_is_answered(store, pipeline, new_runner):
    pipeline.may_end.set()
    batch_id = create(store, "a", "b", "c")
    async with running(new_runner()):
        results = await ended(store, batch_id)

    assert [each["type"] for each in results] == ["succeeded"] * 3
    assert [each["message"]["model"] for each in results] == ["a", "b", "c"]
    assert results[0]["message"]["usage"]["service_tier"] == "batch"


async def test_no_more_are_under_way_than_may_be(store, pipeline, new_runner):
    batch_id = create(store, "a", "b", "c", "d")
    async with running(new_runner()):
        await until(lambda: len(pipeline.begun) == 2)
        pipeline.may_end.set()
        await ended(store, batch_id)

    assert pipeline.most_at_once == 2


@pytest.mark.parametrize("num_steps", range(4))
async def test_a_change_at_the_same_moment_does_not_keep_it_from_ending(
    num_steps, new_runner, store
):
    create(store, "a")
    runner = new_runner()
    runner.start()
    await asyncio.sleep(0.1)
    runner.wake()
    for _ in range(num_steps):
        await asyncio.sleep(0)

    async with asyncio.timeout(10):
        await runner.close()


async def test_a_failure_is_that_requests_result_alone(
    store, pipeline, new_runner, caplog
):
    pipeline.may_end.set()
    batch_id = create(store, "bad", "broken", "good")
    async with running(new_runner()):
        bad, broken, good = await ended(store, batch_id)

    assert bad["error"] == {
        "type": "error",
        "error": {"type": "invalid_request_error", "message": "messages: no"},
        "request_id": None,
    }
    assert broken["error"]["error"]["type"] == "api_error"
    assert "ZeroDivisionError" in caplog.text
    assert good["type"] == "succeeded"


async def test_a_body_that_is_no_request_is_an_error_result(store, new_runner):
    batch_id = store.create([BatchRequest("a", msgspec.Raw(b'{"model": 1}'))]).id
    streamed = create(store, "a", stream=True)
    async with running(new_runner()):
        (result,) = await ended(store, batch_id)
        (refused,) = await ended(store, streamed)

    assert result["error"]["error"]["type"] == "invalid_request_error"
    assert refused["error"]["error"]["message"].startswith("stream: ")


async def test_a_model_that_is_not_served_is_an_error_result(
    store, pipeline, new_runner
):
    batch_id = create(store, "unknown")
    async with running(new_runner()):
        (result,) = await ended(store, batch_id)

    assert result["error"]["error"]["type"] == "not_found_error"
    assert pipeline.begun == []


async def test_an_engine_that_is_away_is_waited_for(
    store, pipeline, new_runner, monkeypatch
):
    monkeypatch.setattr("pensieve.batches.runner.RETRY_S", 0.01)
    pipeline.num_overloads = 3
    pipeline.may_end.set()
    batch_id = create(store, "a")
    async with running(new_runner()):
        (result,) = await ended(store, batch_id)

    assert result["type"] == "succeeded"


async def test_a_store_that_fails_once_is_asked_again(
    store, pipeline, new_runner, monkeypatch, caplog
):
    monkeypatch.setattr("pensieve.batches.runner.RETRY_S", 0.01)
    settle = store.settle

    def fail_once():
        monkeypatch.setattr(store, "settle", settle)
        raise sqlite3.OperationalError("database is locked")

    monkeypatch.setattr(store, "settle", fail_once)
    pipeline.may_end.set()
    batch_id = create(store, "a")
    async with running(new_runner()):
        (result,) = await ended(store, batch_id)

    assert result["type"] == "succeeded"
    assert "database is locked" in caplog.text


async def test_canceling_ends_what_is_under_way(store, pipeline, new_runner):
    batch_id = create(store, "a", "b", "c")
    runner = new_runner()
    async with running(runner):
        await until(lambda: pipeline.at_once == 2)
        store.cancel(batch_id)
        runner.wake()
        results = await ended(store, batch_id)
        await until(lambda: pipeline.at_once == 0)

    assert [each["type"] for each in results] == ["canceled"] * 3


async def test_what_a_runner_left_the_next_one_answers(store, pipeline, new_runner):
    batch_id = create(store, "a", "b", "c")
    async with running(new_runner()):
        await until(lambda: pipeline.at_once == 2)
    assert store.get(batch_id).request_counts.processing == 3

    pipeline.may_end.set()
    async with running(new_runner()):
        results = await ended(store, batch_id)

    assert [each["type"] for each in results] == ["succeeded"] * 3


async def test_a_second_runner_waits_until_the_first_is_gone(
    store, pipeline, new_runner, monkeypatch
):
    monkeypatch.setattr("pensieve.batches.runner.RETRY_S", 0.01)
    pipeline.may_end.set()
    first, second = new_runner(), new_runner()
    async with running(first):
        await ended(store, create(store, "a"))
        async with running(second):
            batch_id = create(store, "b")
            second.wake()
            await asyncio.sleep(0.1)
            assert pipeline.begun == ["a"]
            await first.close()
            await ended(store, batch_id)

    assert pipeline.begun == ["a", "b"]


async def test_requests_are_counted_by_how_they_ended_with_a_line_of_log_each(
    new_runner, store, pipeline, totals, caplog
):
    caplog.set_level("INFO", "pensieve.batches")
    pipeline.may_end.set()
    batch_id = create(store, "a", "bad")

    async with running(new_runner()):
        await until(lambda: sum(totals.outcomes.values()) == 2)

    assert totals.outcomes == {
        Outcome("end_turn", "batch"): 1,
        Outcome("invalid_request_error", "batch"): 1,
    }
    good, bad = sorted(caplog.messages)
    assert re.fullmatch(rf"batch {batch_id} 0 \d+ ms stop=end_turn", good)
    assert re.fullmatch(rf"batch {batch_id} 1 \d+ ms end=invalid_request_error", bad)
