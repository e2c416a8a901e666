"""Ways to break Pensieve that a client would feel, and the checks that must notice.

To add one: a line of the source that occurs once in its file, what it becomes, what is
wrong then, and the checks to run (a file of checks, or `file::check`; few, as each
mutant starts a server). `make mutants` shows that each is noticed.
"""

from typing import NamedTuple


class Mutant(NamedTuple):
    """One change of the source."""

    file: str
    """Below pensieve/."""
    old: str
    new: str
    why: str
    """What is wrong then."""
    checks: tuple[str, ...]
    """Below tests/conformance/."""


MUTANTS = [
    Mutant(
        "errors.py",
        'headers = {"x-should-retry": "false"}',
        'headers = {"x-should-retry": "true"}',
        "a wrong key is tried again for three minutes",
        ("test_transport.py::test_a_request_without_a_right_key_is_refused_for_good",),
    ),
    Mutant(
        "api/auth.py",
        'return key.strip() or None if scheme.lower() == "bearer" else None',
        "return None",
        "a key as Bearer is not seen",
        ("test_transport.py::test_a_key_as_bearer_is_taken",),
    ),
    Mutant(
        "api/exchange.py",
        'headers.append((b"request-id", self.request_id.encode()))',
        'headers.append((b"request-id", b"req_1"))',
        "all requests have one id",
        ("test_transport.py::test_each_request_has_an_id_of_its_own",),
    ),
    Mutant(
        "api/event_stream.py",
        "return sse.frame(_type_of(event).encode(), self._encoder.encode(event))",
        'return sse.frame(b"message", self._encoder.encode(event))',
        "events have another name than their data",
        ("test_streaming.py::test_the_stream_follows_the_grammar",),
    ),
    Mutant(
        "link/roster.py",
        "            self._send(Cancel(sequence.sequence_id))",
        "            pass",
        "the engine goes on with what nobody reads",
        ("test_load.py::test_clients_that_leave_a_stream_make_room_for_the_next",),
    ),
    Mutant(
        "api/models.py",
        "has_more=len(rest) > limit,",
        "has_more=True,",
        "clients page through the models for ever",
        ("test_models.py::test_the_list_is_a_page",),
    ),
    Mutant(
        "schema/request.py",
        "temperature: Annotated[float, Meta(ge=0, le=1)]",
        "temperature: Annotated[float, Meta(ge=0, le=2)]",
        "a temperature of another API's range passes",
        ("test_request.py::test_a_value_outside_its_range_is_refused",),
    ),
    Mutant(
        "schema/decoding.py",
        'where = f"{path}.{missing[\'field\']}" if path else missing["field"]',
        'where = missing["field"]',
        "a missing field is named without its path",
        ("test_transport.py::test_a_wrong_value_is_named_by_its_path",),
    ),
    Mutant(
        "pipeline.py",
        'f"prompt is too long: {num_prompt_tokens} tokens > {longest} maximum"',
        'f"prompt is too long: {num_prompt_tokens} tokens, {longest} at most"',
        "Claude Code does not know that it must compact",
        ("test_errors.py::test_a_prompt_that_is_too_long_is_counted_all_the_same",),
    ),
    Mutant(
        "output/stop_sequences.py",
        "return text[: end - len(matcher.sequence)]",
        "return text[:end]",
        "the stop sequence is part of the text",
        ("test_answers.py::test_a_stop_sequence_of_several_words_is_found",),
    ),
    Mutant(
        "output/stop_sequences.py",
        "held_size = max(matcher.num_matched for matcher in self._matchers)",
        "held_size = 0",
        "what begins a stop sequence is sent before it is sure not to be one",
        ("test_answers.py::test_a_stop_sequence_of_several_words_is_found",),
    ),
    Mutant(
        "output/reply.py",
        "text = feed([token_id])",
        "text = feed([token_id]) + self._detokenizer.finish()",
        "characters of several tokens are sent in halves",
        ("test_answers.py::test_text_beyond_ascii_comes_back_whole",),
    ),
    Mutant(
        "prompt/tokenizer.py",
        "return self._control_tokens.mark(text)",
        "return text",
        "text of a client becomes control tokens",
        ("test_control_tokens.py::test_a_control_token_is_text_in",),
    ),
    Mutant(
        "prompt/turns.py",
        "return text.startswith(BILLING_HEADER) or",
        "return",
        "the prompt of each conversation begins in a way of its own",
        ("test_count_tokens.py::test_the_billing_header_counts_nothing",),
    ),
    Mutant(
        "prompt/offered_tools.py",
        "self.head = [tool for tool in tools if not tool.is_deferred]",
        "self.head = list(tools)",
        "a tool that is loaded later costs the whole cached prompt",
        (
            "test_count_tokens.py::test_a_deferred_tool_counts_nothing_until_it_is_referenced",
        ),
    ),
    Mutant(
        "prompt/messages.py",
        '"description": self._mark(tool.description),',
        '"description": tool.description,',
        "a tool's description becomes control tokens",
        ("test_control_tokens.py::test_a_control_token_is_text_in",),
    ),
    Mutant(
        "schema/validation.py",
        "if len(set(names)) < len(names):",
        "if not names and tools:",
        "two tools of one name are taken",
        ("test_tools.py::test_two_tools_of_one_name_are_refused",),
    ),
    Mutant(
        "output/reply.py",
        'return "tool_use" if is_for_client else "end_turn"',
        'return "end_turn"',
        "an answer with a call says that it is at its end",
        ("test_forced_calls.py::test_any_makes_a_call",),
    ),
    Mutant(
        "output/reply.py",
        'return "model_context_window_exceeded" if is_window_full else "max_tokens"',
        'return "end_turn"',
        "an answer that was cut says that it is whole",
        ("test_answers.py::test_an_answer_that_is_cut_says_so",),
    ),
    Mutant(
        "grammar/answer_plan.py",
        'is_forced = choice.type != "auto"',
        "is_forced = False",
        "a call that was demanded is not made",
        ("test_forced_calls.py::test_any_makes_a_call",),
    ),
    Mutant(
        "grammar/answer_plan.py",
        "tools = [tool for tool in tools if tool.name == choice.name]",
        "tools = list(tools)",
        "another tool is called than the one that was named",
        ("test_forced_calls.py::test_a_tool_that_is_named_is_the_one_called",),
    ),
]
