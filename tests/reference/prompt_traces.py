"""Agents' prompts as sequences of blocks: recorded ones, and made-up ones like them.

A block stands for some tokens of a prompt that are always the same together; equal
numbers are equal blocks. What a block's tokens are is for the caller to say.
"""

import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple


class Prompt(NamedTuple):
    """One request of a session."""

    session: str
    at_s: float
    """When it was sent, in seconds from the session's start."""
    blocks: list[int]
    head_size: int
    """Leading blocks that are tools and system."""


Session = list[Prompt]


def read_sessions(folder: Path) -> list[Session]:
    """Return the sessions in a folder of traces, with numbers of their own each."""
    sessions = []
    for i, path in enumerate(sorted(folder.glob("trace_*.json"))):
        trace = json.loads(path.read_text())
        head = (trace["tool_tokens"] + trace["system_tokens"]) // trace["block_size"]
        session = [
            Prompt(
                trace["id"],
                request["t"],
                [i << 32 | number for number in request["hash_ids"]],
                min(head, len(request["hash_ids"])),
            )
            for request in trace["requests"]
        ]
        sessions.append(sorted(session, key=lambda prompt: prompt.at_s))
    return sessions


def interleaved(sessions: list[Session]) -> list[Prompt]:
    """Return the prompts of all sessions as if they had begun at the same time."""
    prompts = [prompt for session in sessions for prompt in session]
    return sorted(prompts, key=lambda prompt: (prompt.at_s, prompt.session))


# ----- Made up -----


@dataclass
class _Conversation:
    """What an agent, or one of its sub-agents, sends anew with each turn."""

    head: list[int]
    history: list[int]

    @property
    def blocks(self) -> list[int]:
        return self.head + self.history


def made_up_sessions(seed: int, num_sessions: int = 4, turns: int = 30):
    """Return sessions that do what agents are seen to do.

    All have the same tools. A session has a system prompt of its own and adds to its
    conversation turn by turn. It starts sub-agents, which have its tools, a system
    prompt of theirs and some turns. Its history is compacted to a few blocks when it
    has grown long. Now and then the head's end is edited (a date, the git status), or
    an earlier turn is (a reminder is taken out). An answer is asked for again.
    """
    rng = random.Random(seed)
    numbers = iter(range(1 << 30))

    def new(size: int) -> list[int]:
        return [next(numbers) for _ in range(size)]

    tools, agents_system = new(60), new(12)

    def one(name: str) -> Session:
        main = _Conversation([*tools, *new(20)], new(rng.randint(4, 40)))
        session: Session = []
        at_s = rng.random() * 30

        def send(conversation: _Conversation) -> None:
            nonlocal at_s
            at_s += rng.expovariate(1 / 20)
            head_size = len(conversation.head)
            session.append(Prompt(name, at_s, conversation.blocks, head_size))

        for _ in range(turns):
            send(main)
            main.history += new(rng.choice([2, 3, 4, 6, 12, 50]))
            match rng.randrange(10):
                case 0:
                    agent = _Conversation([*tools, *agents_system], new(8))
                    for _ in range(rng.randint(2, 5)):
                        send(agent)
                        agent.history += new(rng.randint(2, 9))
                case 1:
                    main.head = [*main.head[:-2], *new(2)]
                case 2:
                    at = rng.randrange(len(main.history))
                    main.history[at : at + 1] = new(1)
                case 3:
                    send(main)
            if len(main.history) > 250:
                main.history = [*main.history[:1], *new(10)]
        return session

    return [one(f"session-{i}") for i in range(num_sessions)]
