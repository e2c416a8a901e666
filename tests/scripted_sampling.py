"""An engine that samples what a test says, and what the pipeline is asked."""

import asyncio
import re

from pensieve.link.messages import Admitted, Finished, Submit
from pensieve.link.sequence import Sequence
from pensieve.schema.request import MessageParam, MessagesRequest


class ScriptedEngine:
    """Answers each prompt with the same text."""

    def __init__(self, tokenizer, answer):
        # Word by word, as a model might but the tokenizer does not.
        words = re.findall(r"\s*\S+|\s+$", answer)
        ids = [tokenizer.encode(tokenizer.mark(word), False) for word in words]
        self.script = [token_id for word in ids for token_id in word]
        self.sampled = []
        self.submitted = None
        self.num_left = 0

    def submit(
        self,
        token_ids,
        max_tokens,
        end_token_ids,
        sampling,
        constraint,
        *,
        head_size,
        keep_sizes,
        conversation_id,
        is_background,
    ):
        self.head_size = head_size
        self.keep_sizes = keep_sizes
        self.conversation_id = conversation_id
        self.submitted = (token_ids, max_tokens, end_token_ids, sampling)
        self.constraint = constraint
        size = len(token_ids)
        submit = Submit(1, token_ids, max_tokens, end_token_ids, sampling, size)
        sequence = Sequence(submit, on_exit=self._leave)
        asyncio.get_running_loop().create_task(self._run(sequence, max_tokens))
        return sequence

    def _leave(self, sequence):
        self.num_left += 1

    async def _run(self, sequence, max_tokens):
        await asyncio.sleep(0)
        sequence.take(Admitted(1, cached_tokens=2, newly_cached_tokens=1))
        self.sampled = []
        for token_id in self.script[:max_tokens]:
            self.sampled.append(token_id)
            sequence.produce(token_id)
            await asyncio.sleep(0)
        is_whole = len(self.script) < max_tokens
        sequence.take(Finished(1, "end_token" if is_whole else "max_tokens"))


def request(text="Why?", **fields):
    messages = [MessageParam("user", text)]
    fields = {"model": "claude-x", "max_tokens": 100, "messages": messages} | fields
    return MessagesRequest(**fields)


async def answer(pipeline, asked):
    return await pipeline.answer(await pipeline.prepare(asked))
