"""What the two processes say to each other, as msgpack frames.

A frame is a 4-byte little-endian length and that many bytes of msgpack, one message
each. The HTTP process sends `Request` messages, the engine `Event` messages. Token ids
only: no text, no arrays.

A sequence is named by `sequence_id`, which its client chooses (unique on a connection).
Its life: Submit → Admitted → Prefilled* → Sampled* → Finished, or Refused at any point
before Sampled, or Failed at any point. After Cancel nothing more is owed, and events
already on their way are to be ignored.
"""

from typing import Literal

import msgspec

from pensieve.memory_states import MemoryState, MemoryThresholds

PROTOCOL_VERSION = 6
MAX_FRAME_BYTES = 64 << 20
"""A frame that says it is longer is a broken peer: the connection is closed."""
EXIT_SOCKET_TAKEN = 75
"""Exit status of an engine that found another one on its socket (EX_TEMPFAIL)."""
EXIT_MEMORY = 71
"""Exit status of an engine that ended to give its memory back (EX_OSERR)."""


class SamplingParams(msgspec.Struct, frozen=True):
    """How the next token is drawn: by the logits with their bias, after the penalties,
    then temperature, then top-k, then top-p, then min-p."""

    seed: int
    """Unsigned, 64 bits. A token is a function of logits, seed and position."""
    temperature: float = 1.0
    """>= 0; 0 takes the most likely token."""
    top_k: int = 0
    """Keep this many tokens; 0 keeps all."""
    top_p: float = 1.0
    """Keep the most likely tokens up to this mass, (0, 1]."""
    min_p: float = 0.0
    """Keep tokens at least this likely relative to the most likely, [0, 1)."""
    repetition_penalty: float = 1.0
    """What the logit of a token of prompt or answer is divided by, or multiplied with
    if it is negative: (0, 100], 1 changes nothing. As Hugging Face's."""
    presence_penalty: float = 0.0
    """Taken from the logit of each token that is in the answer, [-2, 2]."""
    frequency_penalty: float = 0.0
    """The same for each time that it is there, [-2, 2]. As OpenAI's."""
    logit_bias: dict[int, float] = {}
    """Token id → what is added to its logit before all else."""


class ThinkingLimit(msgspec.Struct, frozen=True):
    """How long the model may think: at the limit its thinking is closed for it."""

    max_tokens: int
    """Tokens that may be thought, >= 0; those that open and close do not count."""
    is_open: bool
    """Whether the prompt ends inside thinking."""
    open_token_ids: list[int]
    """What opens thinking where the model writes it; empty: it cannot open."""
    close_token_ids: list[int]
    """What ends it where the model writes it, at least one."""
    closing_token_ids: list[int]
    """What is written at the limit; it contains `close_token_ids`."""


class Constraint(msgspec.Struct, frozen=True):
    """What the sampled tokens have to obey."""

    grammar: str = ""
    """As Lark text for llguidance; empty: none. A token is written by its id, <[17]>.
    Where the grammar is complete any end token may follow, and need not be in it."""
    thinking_limit: ThinkingLimit | None = None
    """Enforced on top of the grammar, which refuses it where the two disagree."""


class PrefixDisk(msgspec.Struct, frozen=True):
    """Where what past prompts computed outlives the engine."""

    folder: str
    namespace: str
    """What beside the model the files are good for: a digest of the chat template."""
    budget_bytes: int = -1
    """Of all files there; 0: none; -1 lets the engine choose."""
    bits: int = 0
    """8: keys and values are rounded to so many; 0: they are as they are in memory."""


class EngineSpec(msgspec.Struct, frozen=True):
    """What an engine process is started with (as JSON, `python -m pensieve.engine`)."""

    model_path: str
    socket_path: str
    version: str
    """Pensieve's own: a worker of another version starts its own engine."""
    max_batch_size: int
    """Sequences that decode together; more wait."""
    prefill_chunk: int
    """Prompt tokens between two decode steps; 0 lets the engine choose."""
    linger_s: float = 30.0
    """How long the process outlives its last connection."""
    prefix_cache_bytes: int = -1
    """Memory for what past prompts computed; 0: none; -1 lets the engine choose."""
    prefill_target_ms: int = 1000
    """What a chunk may take while others wait, where the engine chooses, >= 1."""
    prefix_disk: PrefixDisk | None = None
    """None, or no memory for it: nothing is on disk."""
    memory: MemoryThresholds = MemoryThresholds()
    """Free memory at which the engine does with less."""


# ----- HTTP process → engine -----


class Hello(msgspec.Struct, frozen=True, tag=True):
    """First frame on a connection; EngineState answers it, again at each change."""

    protocol_version: int


class Submit(msgspec.Struct, frozen=True, tag=True):
    """Generate from these tokens.

    `token_ids` may hold tokens that an engine now gone had sampled: the position of a
    draw is its index in the whole sequence, and the constraint is led through them, so
    the continuation is the same.
    """

    sequence_id: int
    token_ids: list[int]
    max_tokens: int
    end_token_ids: list[int]
    sampling: SamplingParams
    prompt_size: int
    """Leading `token_ids` that are the prompt; the rest have been sampled."""
    constraint: Constraint = Constraint()
    head_size: int = 0
    """Leading tokens that many sequences begin with, tools and system: the last that
    the prefix cache gives up. 0: not known."""
    keep_sizes: list[int] = []
    """After how many of the prompt's tokens others may well go another way. There a
    state is kept, of models that have any."""
    conversation_id: str = ""
    """Sequences of one conversation share its part of the machine; empty: of none."""
    is_background: bool = False
    """Whether all others go first."""


class Cancel(msgspec.Struct, frozen=True, tag=True):
    """Stop a sequence within one step. An unknown id is nothing: it has just ended."""

    sequence_id: int


class Quit(msgspec.Struct, frozen=True, tag=True):
    """End the engine process now."""


class Release(msgspec.Struct, frozen=True, tag=True):
    """This client needs the engine no more: end it, unless another client is there.

    The connection ends in either case.
    """


class Ping(msgspec.Struct, frozen=True, tag=True):
    """Ask for a sign of life; Pong answers it, whatever the model does."""


Request = Hello | Submit | Cancel | Quit | Release | Ping


# ----- engine → HTTP process -----


class EngineState(msgspec.Struct, frozen=True, tag=True):
    """Where the engine is in its life."""

    status: Literal["loading", "ready", "failed"]
    pid: int
    spec: EngineSpec
    """What it was started with; a client that wants another sends Quit."""
    message: str = ""
    """loading: what it does now; ready: how the weights were loaded; failed: why."""
    memory_bytes: int = 0
    """Resident memory of the process once it is ready."""
    sampler: str = ""
    """What draws the tokens once it is ready, and why nothing faster does."""


class CacheReport(msgspec.Struct, frozen=True, tag=True):
    """How full the prefix cache is; sent when that has changed."""

    memory_bytes: int
    memory_budget_bytes: int
    disk_bytes: int
    """Of all models' files, as far as this engine knows."""
    disk_budget_bytes: int
    memory_runs: int
    """Pieces of sequences that are kept or evicted as one."""
    disk_files: int
    """Of this model."""


class Admitted(msgspec.Struct, frozen=True, tag=True):
    """The sequence is taken; its prompt's last token is always computed."""

    sequence_id: int
    cached_tokens: int
    """Of its prompt, which need no prefill."""
    newly_cached_tokens: int = 0
    """Of its prompt, which are computed now and kept for later sequences."""
    disk_tokens: int = 0
    """Of `cached_tokens`, those that were read from disk."""


class Refused(msgspec.Struct, frozen=True, tag=True):
    """The sequence is not taken: a request that this engine cannot do."""

    sequence_id: int
    message: str


class Prefilled(msgspec.Struct, frozen=True, tag=True):
    """Progress of a prompt."""

    sequence_id: int
    done_tokens: int
    total_tokens: int


class Sampled(msgspec.Struct, frozen=True, tag=True):
    """One step of the batch: a token for each of some sequences (parallel lists)."""

    sequence_ids: list[int]
    token_ids: list[int]


class Finished(msgspec.Struct, frozen=True, tag=True):
    """The sequence ended. An end token is not sent as Sampled."""

    sequence_id: int
    reason: Literal["end_token", "max_tokens"]


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The sequence cannot go on, through no fault of the request."""

    sequence_id: int
    message: str
    is_overload: bool = False
    """Whether it was for want of memory: later, or elsewhere, it can be done."""


class MemoryReport(msgspec.Struct, frozen=True, tag=True):
    """How memory is: told at each change, and after Hello."""

    state: MemoryState
    free_bytes: int
    """What the machine, or the GPU, can still give."""
    bound: str
    """What bounds it, in a word or two."""
    active_bytes: int
    """In MLX's arrays."""
    peak_bytes: int
    """The most that there was in them."""
    cache_bytes: int
    """In buffers that MLX keeps for later arrays."""
    done: str = ""
    """What was done last for want of memory; empty: nothing yet."""
    ends_engine: bool = False
    """Whether the engine ends now, to give all its memory back, by no one's fault."""


class Pong(msgspec.Struct, frozen=True, tag=True):
    """The engine's main thread answers Ping."""

    busy_s: float
    """How long the model, or a grammar, has been at what it does now; 0: at nothing."""


SequenceEvent = Admitted | Refused | Prefilled | Finished | Failed
"""Those that are about one sequence, its `sequence_id`."""

Event = EngineState | CacheReport | MemoryReport | Sampled | SequenceEvent | Pong
