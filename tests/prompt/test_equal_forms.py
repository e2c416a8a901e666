"""However a client writes a request, its conversation is the same, to the byte."""

import random

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from reference.requests import call, claude_code_tool, decoded_body, result, text

from pensieve.prompt.canonical import canonicalise
from pensieve.schema.cache_control import MAX_BREAKPOINTS

REMINDER = "<total_tokens>1 tokens left</total_tokens>"

words = st.sampled_from(["a", "b c", "é\n", "", "<total_tokens>9</total_tokens> x"])
schemas = st.recursive(
    st.sampled_from([{"type": "string"}, {"minimum": 1, "type": "integer"}, True]),
    lambda inner: st.one_of(
        st.builds(lambda it: {"items": it, "type": "array"}, inner),
        st.builds(lambda it: {"anyOf": it, "description": "d"}, st.lists(inner)),
        st.builds(
            lambda it: {"type": "object", "properties": it, "required": list(it)},
            st.dictionaries(st.sampled_from(["title", "type", "z"]), inner),
        ),
    ),
    max_leaves=5,
)


@st.composite
def requests(draw):
    """Return a body in which each content is a list of blocks."""
    messages, num_calls = [], 0
    for _ in range(draw(st.integers(0, 4))):
        said = text(*draw(st.lists(words, max_size=2)))
        if draw(st.booleans()):
            messages.append({"role": "system", "content": text(draw(words))})
        ids = [f"toolu_{num_calls + n}" for n in range(draw(st.integers(0, 3)))]
        num_calls += len(ids)
        calls = [call(tool_use_id, command=draw(words)) for tool_use_id in ids]
        messages.append({"role": "assistant", "content": said + calls})
        results = [result(tool_use_id, text(draw(words))) for tool_use_id in ids]
        messages.append({"role": "user", "content": [*results, *text(draw(words))]})
    tool = claude_code_tool("Bash", "command", "description")
    tool["input_schema"]["properties"]["more"] = draw(schemas)
    return {
        "messages": [{"role": "user", "content": text("begin")}, *messages],
        "system": text("s", "t"),
        "tools": [tool],
        "max_tokens": 1,
    }


class Rewriter:
    """Writes what means the same in another way."""

    def __init__(self, choices: random.Random) -> None:
        self.choices = choices
        self.num_marks = 0

    def body(self, body):
        messages = []
        for message in body["messages"]:
            messages += self.messages(message)
            if self.choices.random() < 0.3:
                nothing = self.choices.choice(["", [], REMINDER, text(REMINDER)])
                messages.append({"role": "system", "content": nothing})
        header = text("x-anthropic-billing-header: cc_version=1;")
        tools = [
            self.shuffled({**tool, "input_schema": self.schema(tool["input_schema"])})
            for tool in body["tools"]
        ]
        return self.shuffled(
            {
                **body,
                "messages": messages,
                "system": header + [self.block(it) for it in body["system"]],
                "tools": tools,
            }
        )

    def messages(self, message):
        """Return a message, or two that are the same turn."""
        blocks = [self.block(block) for block in message["content"]]
        results = [it for it in blocks if it["type"] == "tool_result"]
        self.choices.shuffle(results)
        blocks = results + [it for it in blocks if it["type"] != "tool_result"]
        cut = self.choices.choice([0, len(blocks) // 2])
        halves = [blocks[:cut], blocks[cut:]] if cut else [blocks]
        return [
            self.shuffled({**message, "content": self.content(half)}) for half in halves
        ]

    def block(self, block):
        if block["type"] == "tool_result":
            block = {**block, "content": self.content(block["content"])}
        return self.shuffled(block)

    def content(self, blocks):
        is_text = len(blocks) == 1 and blocks[0]["type"] == "text"
        return blocks[0]["text"] if is_text and self.choices.random() < 0.5 else blocks

    def schema(self, schema):
        """Reorder keywords, but not the members of `properties`."""
        if isinstance(schema, list):
            return [self.schema(entry) for entry in schema]
        if not isinstance(schema, dict):
            return schema
        written = {**schema}
        for keyword in ("items", "anyOf"):
            if keyword in schema:
                written[keyword] = self.schema(schema[keyword])
        members = schema.get("properties", {})
        if members:
            written["properties"] = {
                name: self.schema(member) for name, member in members.items()
            }
        return self.shuffled(written, is_schema=True)

    def shuffled(self, fields, is_schema=False):
        """Reorder the keys of an object; mark those that may be marked."""
        entries = list(fields.items())
        if not is_schema and ("type" in fields or "name" in fields):
            mark = None
            if self.num_marks < MAX_BREAKPOINTS and self.choices.random() < 0.5:
                mark = {"type": "ephemeral", "ttl": "1h"}
                self.num_marks += 1
            entries.append(("cache_control", mark))
        self.choices.shuffle(entries)
        return dict(entries)


def canonical_bytes(body) -> bytes:
    """Return the conversation as JSON, in which the order of keys shows."""
    return msgspec.json.encode(canonicalise(decoded_body(body)))


@given(requests(), st.randoms(use_true_random=False))
def test_what_means_the_same_is_the_same(body, choices):
    rewritten = Rewriter(choices).body(body)

    assert canonical_bytes(rewritten) == canonical_bytes(body)


@given(requests())
def test_canonicalising_leaves_the_request_as_it_was(body):
    request = decoded_body(body)
    before = msgspec.json.encode(request.tools)

    assert canonicalise(request) == canonicalise(request)
    assert msgspec.json.encode(request.tools) == before


@given(requests(), st.integers(0, 12))
def test_more_messages_only_add_to_what_came_before(body, length):
    """A request that ends with the user's, or the system's, is a beginning."""
    messages = body["messages"][: 1 + length]
    while messages[-1]["role"] == "assistant":
        messages.pop()

    earlier = canonicalise(decoded_body({**body, "messages": messages}))
    later = canonicalise(decoded_body(body))

    *whole, last = earlier.turns
    assert later.turns[: len(whole)] == whole
    assert later.turns[len(whole)].role == last.role
    assert later.turns[len(whole)].parts[: len(last.parts)] == last.parts
