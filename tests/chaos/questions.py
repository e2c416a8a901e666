"""What is asked in the chaos: requests whose answers do not depend on anything else."""

from conformance.samples import ANY_CALL, CLOCK, WEATHER, assistant, user

RULES = (
    "You are a careful assistant of a small library by the sea. Answer briefly, in"
    " plain words, and do not repeat the question. "
)
SYSTEM = " ".join(f"Rule {number}: {RULES}" for number in range(1, 9))

BASH = {
    "name": "Bash",
    "description": "Run a command.",
    "input_schema": {
        "type": "object",
        "properties": {
            "command": {"type": "string"},
            "description": {"type": "string"},
        },
        "required": ["command"],
    },
}
WRITE = {
    "name": "Write",
    "description": "Write a file.",
    "input_schema": {
        "type": "object",
        "properties": {
            "file_path": {"type": "string"},
            "content": {"type": "string"},
        },
        "required": ["file_path", "content"],
    },
}
TOOLS = [BASH, WRITE]


def body(content, max_tokens, **fields):
    return {
        "model": "claude-any",
        "max_tokens": max_tokens,
        "temperature": 0,
        "messages": content if isinstance(content, list) else [user(content)],
        **fields,
    }


def second_step():
    """Return a conversation whose first call has been answered."""
    call = {
        "type": "tool_use",
        "id": "toolu_1",
        "name": "Bash",
        "input": {
            "command": "mkdir -p tiny-work && echo 'made: tiny-work'",
            "description": "Make the folder",
        },
    }
    said = {"type": "text", "text": "tiny-step-files-1: first I make a folder.\n"}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "made"}
    return [user("Please do tiny-task-files."), assistant([said, call]), user([result])]


OF_TINY = {
    "text": body("Please do tiny-task-text.", 200),
    "files": body("Please do tiny-task-files.", 400, tools=TOOLS),
    "second": body(second_step(), 800, tools=TOOLS),
    "think": body("Please do tiny-task-think.", 400, tools=TOOLS),
    "ponder": body("Please do tiny-task-ponder.", 2500),
    "two": body("Please do tiny-task-two.", 400, tools=TOOLS),
}
"""Of the tiny model: tests/tiny_model/scripts.py says what it answers."""

OF_SMOLLM2 = {
    "forced": body("Is it warm in Rome?", 80, tools=[WEATHER], tool_choice=ANY_CALL),
    "clock": body("How late is it?", 80, tools=[CLOCK, WEATHER], tool_choice=ANY_CALL),
} | {
    subject: body(f"Tell me something about {subject}.", 40, system=SYSTEM)
    for subject in ("whales", "lighthouses", "paper", "tides")
}
