"""A machine in, which known models it can run out, and how fast that would be."""

from typing import Literal, NamedTuple

from pensieve.machine import Machine
from pensieve.models.known_models import GB, KNOWN_MODELS, KnownModel

WORK_TOKENS = 65_536
"""Of a conversation with Claude Code: its prompt, and work worth calling so."""
ON_THE_WAY_BYTES = 2 * GB
"""For a chunk of prompt, and for both processes."""
DENSE_SHARE = 0.65
SPARSE_SHARE = 0.35
"""Of memory's bandwidth that decoding reaches: published figures of MLX have 56 to 82 %
for dense models, 15 to 38 % where few experts are read."""

Speed = Literal["fast", "fluent", "slow", "very slow", "not known"]

_SPEEDS: tuple[tuple[float, Speed], ...] = ((40, "fast"), (15, "fluent"), (6, "slow"))


class Advice(NamedTuple):
    """One model on one machine."""

    model: KnownModel
    needed_bytes: int
    """With WORK_TOKENS in its window."""
    fits: bool
    max_tokens: int
    """That fit into memory, at most its window; 0: not even its weights do."""
    tokens_per_s: float | None
    """Of an answer, estimated; None: the machine's bandwidth is not known."""

    @property
    def speed(self) -> Speed:
        """Its class: fast from 40 tokens/s, fluent from 15, slow from 6."""
        if self.tokens_per_s is None:
            return "not known"
        for bound, name in _SPEEDS:
            if self.tokens_per_s >= bound:
                return name
        return "very slow"


_UNPACKED = 32 / 4.5
_WIDER = 2
"""A CPU has weights of 4 bits and their scales as float32, keys and values likewise."""


def advice(machine: Machine) -> list[Advice]:
    """Return what is to be said of each known model here, the best first."""
    return [_advice(model, machine) for model in KNOWN_MODELS]


def best(machine: Machine) -> KnownModel | None:
    """Return the best model that fits and is not very slow, None: there is none."""
    fitting = [each for each in advice(machine) if each.fits]
    usable = [each for each in fitting if each.speed != "very slow"]
    return (usable or fitting)[0].model if fitting else None


def advice_in_words(machine: Machine) -> str:
    """Return which model to take instead of one that does not do."""
    choice = best(machine)
    if choice is None:
        return (
            "None of the coding models that Pensieve knows fits this machine:"
            " `pensieve models recommend --all` lists them."
        )
    return f"For this machine: pensieve pull {choice.name}"


def _advice(model: KnownModel, machine: Machine) -> Advice:
    on_gpu = machine.gpu_bytes is not None
    unpacked, wider = (1, 1) if on_gpu else (_UNPACKED, _WIDER)
    weights_bytes = int(model.weights_bytes * unpacked)
    kv_bytes = model.kv_bytes_per_token * wider
    fixed = weights_bytes + model.state_bytes + ON_THE_WAY_BYTES
    room = max(0, machine.usable_bytes - fixed)
    max_tokens = min(room // kv_bytes, model.context_length)
    needed = fixed + kv_bytes * WORK_TOKENS
    share = SPARSE_SHARE if model.is_sparse else DENSE_SHARE
    speed = None
    if machine.bandwidth is not None:
        speed = share * machine.bandwidth * GB / (model.active_bytes * unpacked)
    fits = needed <= machine.usable_bytes
    return Advice(model, needed, fits, max_tokens, speed)
