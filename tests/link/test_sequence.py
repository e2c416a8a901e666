import asyncio

from pensieve.link.messages import Constraint, Finished, SamplingParams, Submit
from pensieve.link.sequence import Sequence


def test_a_sequence_that_goes_on_elsewhere_keeps_all_that_was_asked():
    submit = Submit(
        sequence_id=4,
        token_ids=[1, 2, 3],
        max_tokens=9,
        end_token_ids=[0],
        sampling=SamplingParams(seed=8, repetition_penalty=1.1),
        prompt_size=3,
        constraint=Constraint(grammar="start: /x*/"),
        head_size=2,
        keep_sizes=[1, 3],
        conversation_id="session",
        is_background=True,
    )
    sequence = Sequence(submit, on_exit=lambda _: None)
    sequence.produce(7)
    sequence.produce(8)

    assert sequence.submit() == Submit(
        sequence_id=4,
        token_ids=[1, 2, 3, 7, 8],
        max_tokens=7,
        end_token_ids=[0],
        sampling=SamplingParams(seed=8, repetition_penalty=1.1),
        prompt_size=3,
        constraint=Constraint(grammar="start: /x*/"),
        head_size=2,
        keep_sizes=[1, 3],
        conversation_id="session",
        is_background=True,
    )


async def test_tokens_that_came_together_are_read_together():
    sampling = SamplingParams(seed=0)
    submit = Submit(1, [1], 9, [0], sampling, prompt_size=1)
    sequence = Sequence(submit, on_exit=lambda _: None)
    read = []

    async def reading():
        async for token_ids in sequence:
            read.append(token_ids)

    task = asyncio.create_task(reading())
    for together in ([7], [8, 9, 10], [11]):
        await asyncio.sleep(0)
        for token_id in together:
            sequence.produce(token_id)
        await asyncio.sleep(0)
    sequence.take(Finished(1, "end_token"))
    await task

    assert read == [[7], [8, 9, 10], [11]]
