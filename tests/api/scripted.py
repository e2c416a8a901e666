"""A service whose answers are scripts: what the pipeline would say, and when."""

from pathlib import Path

import msgspec

from pensieve import places
from pensieve.api.service import Service
from pensieve.batches.runner import BatchRunner
from pensieve.batches.store import BatchStore
from pensieve.figures.request import RequestFigures
from pensieve.figures.totals import Totals
from pensieve.hosting.hosted_model import HostedModel
from pensieve.hosting.hosted_models import HostedModels
from pensieve.hosting.memory_room import MemoryRoom
from pensieve.hosting.names import Names
from pensieve.link.client import EngineHealth
from pensieve.link.memory import MemoryHealth
from pensieve.memory_states import MemoryThresholds
from pensieve.models.description import GenerationDefaults, ModelDescription
from pensieve.schema.events import (
    ContentBlockDelta,
    ContentBlockStart,
    ContentBlockStop,
    DeltaUsage,
    MessageDelta,
    MessageStart,
    MessageStop,
    StopDelta,
    TextDelta,
)
from pensieve.schema.message import Message, TextBlock, Usage

INPUT_TOKENS = 7

DESCRIPTION = ModelDescription(
    name="scripted",
    path=Path("scripted.gguf"),
    format="gguf",
    architecture="llama",
    context_length=2048,
    created_at="2026-01-02T03:04:05Z",
    chat_template=None,
    bos_token=None,
    eos_token=None,
    add_bos_token=False,
    end_token_ids=[2],
    defaults=GenerationDefaults(),
    size_bytes=1,
)


def opening():
    """Return the events before the text."""
    usage = Usage(input_tokens=INPUT_TOKENS, output_tokens=1)
    message = Message(id="msg_1", model="scripted", content=[], usage=usage)
    return [MessageStart(message), ContentBlockStart(0, TextBlock(""))]


def text(piece):
    """Return the event that adds `piece`."""
    return ContentBlockDelta(0, TextDelta(piece))


def closing(output_tokens):
    """Return the events after the text."""
    usage = DeltaUsage(
        input_tokens=INPUT_TOKENS,
        cache_creation_input_tokens=0,
        cache_read_input_tokens=0,
        output_tokens=output_tokens,
    )
    return [
        ContentBlockStop(0),
        MessageDelta(StopDelta("end_turn"), usage),
        MessageStop(),
    ]


def tell(figures, event):
    """Tell a request's figures what the pipeline would have at an event."""
    match event:
        case MessageStart():
            figures.admitted(event.message.usage.prompt_tokens, 0)
        case ContentBlockDelta():
            figures.sampled(1)
        case MessageDelta():
            figures.stopped(event.delta.stop_reason, event.usage.output_tokens)


class ScriptedEngine:
    """An engine's health, and whether it was closed."""

    def __init__(self):
        self.state = EngineHealth(
            status="ready",
            message="in memory",
            pid=42,
            restarts=1,
            ends_in_a_row=0,
            next_try_in_s=None,
            last_end="",
            memory_bytes=1 << 20,
            active=3,
            queued=2,
            unread_tokens=90,
            cache={
                "memory_bytes": 10,
                "memory_budget_bytes": 40,
                "disk_bytes": 20,
                "disk_budget_bytes": 50,
                "memory_runs": 4,
                "disk_files": 5,
            },
        )
        self.is_closed = False

    @property
    def status(self):
        return self.state.status

    def health(self):
        return self.state

    def is_busy(self):
        return False

    def memory(self):
        return MemoryHealth(
            state="caution",
            free_bytes=70,
            bound="machine",
            thresholds=MemoryThresholds(),
            mlx_active_bytes=3,
            mlx_peak_bytes=4,
            mlx_cache_bytes=5,
            done="",
        )

    async def close(self):
        self.is_closed = True


class ScriptedPipeline:
    """Answers with the script that the request names as `claude-<script>`."""

    def __init__(self, scripts):
        self.scripts = scripts
        self.ended = []
        """Names of the scripts that were left, in order; "!" where by cancellation."""
        self.conversation_ids = []
        self.broken_prefix = None
        """Of all prompts."""

    def count_tokens(self, request):
        return INPUT_TOKENS

    async def prepare(self, request, conversation_id="", figures=None):
        self.conversation_ids.append(conversation_id)
        figures = figures or RequestFigures()
        figures.asked("scripted")
        figures.counted(INPUT_TOKENS, self.broken_prefix)
        return request

    async def stream(self, request, is_background=False, figures=None):
        name = request.model.removeprefix("claude-")
        mark = "!"
        figures = figures or RequestFigures()
        figures.submitted()
        try:
            async for event in self.scripts[name]():
                tell(figures, event)
                yield event
            mark = ""
        finally:
            self.ended.append(name + mark)

    async def answer(self, request, is_background=False, figures=None):
        pieces, usage = [], None
        async for event in self.stream(request, figures=figures):
            if isinstance(event, ContentBlockDelta):
                pieces.append(event.delta.text)
            elif isinstance(event, MessageDelta):
                usage = Usage(
                    input_tokens=event.usage.input_tokens,
                    output_tokens=event.usage.output_tokens,
                )
        return Message(
            id="msg_1",
            model=request.model,
            content=[TextBlock("".join(pieces))],
            stop_reason="end_turn",
            usage=usage,
        )


class ScriptedService(Service):
    """The service, over scripts. Batches wait until their runner is started.

    Args:
        names: of the models, which all answer with the same scripts.
        aliases: other names.
    """

    def __init__(self, scripts, names=("scripted",), aliases=None):
        self.pipeline = ScriptedPipeline(scripts)
        self.engine = ScriptedEngine()
        models = HostedModels(
            [self._hosted(name) for name in names],
            Names(names, aliases or {}),
            MemoryRoom(0),
        )
        totals = Totals()
        places.private_dir(places.state_dir())
        batches = BatchStore(places.batches_file())
        runner = BatchRunner(
            batches,
            places.batches_lock(),
            models.serving,
            max_at_once=2,
            totals=totals,
        )
        super().__init__(models, batches, runner, totals)

    def _hosted(self, name):
        description = msgspec.structs.replace(DESCRIPTION, name=name)
        return HostedModel(
            description, self.engine, lambda: self.pipeline, is_kept=True
        )
