"""Where a prompt is worth a state: other prompts may go another way from there."""

import json

import pytest
from reference import template_corpus
from reference.requests import EPHEMERAL, call, result, text, tool

from pensieve.models.files import describe
from pensieve.prompt.builder import PromptBuilder
from pensieve.schema.bodies import decode_count_request
from pensieve.schema.message import TextBlock

READ, SEARCH = tool("Read", description="Reads."), tool("Search", description="Finds.")
LONG = "A long text of the user's. " * 20


@pytest.fixture(scope="module")
def smollm2(smollm2_path):
    return PromptBuilder.open(describe(smollm2_path))


@pytest.fixture(scope="module", params=list(template_corpus.FAMILIES))
def prompts(request):
    return template_corpus.builder(request.param)


def built(prompts, *messages, **fields):
    """Build the prompt of messages given as (role, content) pairs."""
    listed = [{"role": role, "content": content} for role, content in messages]
    body = {"model": "m", "messages": listed, **fields}
    return prompts.build(decode_count_request(json.dumps(body).encode()))


def shown(prompts, token_ids) -> str:
    return prompts.tokenizer.backend.decode(token_ids, skip_special_tokens=False)


def kept(prompts, *messages, **fields) -> list[str]:
    """Return the text of what is worth a state."""
    prompt = built(prompts, *messages, **fields)
    return [shown(prompts, prompt.token_ids[:size]) for size in prompt.keep_sizes]


def marked(*texts):
    return text(*texts, **EPHEMERAL)


def test_a_first_question_without_marks_has_none(smollm2):
    assert kept(smollm2, ("user", "Hi"), system="Be brief.", tools=[READ]) == []


def test_before_the_last_question_is_behind_the_answer(smollm2):
    [before] = kept(smollm2, ("user", "Hi"), ("assistant", "Ho."), ("user", "Why?"))

    assert before.endswith("assistant\nHo.<|im_end|>\n<|im_start|>user\n")


def test_behind_an_answer_that_was_given_here_it_is_where_its_ids_end(smollm2):
    asked = built(smollm2, ("user", "Hi"))
    ids = smollm2.tokenizer.encode("H", False) + smollm2.tokenizer.encode("o!", False)
    smollm2.remember(asked, ids, [TextBlock("Ho!")])

    then = built(smollm2, ("user", "Hi"), ("assistant", "Ho!"), ("user", "Why?"))

    [size] = then.keep_sizes
    assert then.token_ids[:size] == [*asked.token_ids, *ids]


def test_it_is_behind_the_answer_also_where_the_next_one_is_begun(smollm2):
    begun = [("user", "Hi"), ("assistant", "Ho."), ("user", "Why?"), ("assistant", "A")]

    [before] = kept(smollm2, *begun)

    assert before.endswith("Ho.<|im_end|>\n<|im_start|>user\n")


def test_marks_at_the_ends_of_head_and_request_say_nothing_new(smollm2):
    asked = [("user", [*text("Hi"), *marked("Why?")])]
    empty = [("system", []), ("system", text("<total_tokens>9</total_tokens>"))]
    head = {"system": marked("Be brief."), "tools": [READ, SEARCH | EPHEMERAL]}

    assert kept(smollm2, *asked, *empty, system=head["system"]) == []
    assert kept(smollm2, *asked, tools=head["tools"]) == []
    assert len(kept(smollm2, *asked, **head)) == 1  # the tools, before the system's end


def test_a_request_may_be_marked_as_a_whole(smollm2):
    assert kept(smollm2, ("user", "Hi"), **EPHEMERAL) == []


def test_a_mark_in_the_system_prompt_is_at_that_blocks_end(prompts):
    system = [*marked("Be brief and kind."), *text("Be quick.")]

    [before] = kept(prompts, ("user", "Hi"), system=system)

    assert "Be brief and kin" in before
    assert "quick" not in before


def test_a_mark_at_a_tool_is_behind_it_and_before_the_next(prompts):
    fields = {"tools": [READ | EPHEMERAL, SEARCH]}

    [before] = kept(prompts, ("user", "Hi"), **fields)

    assert "Reads" in before
    assert "Search" not in before


def test_a_mark_at_a_long_document_is_before_the_question_about_it(prompts):
    asked = ("user", [*marked(LONG), *text("What of it?")])

    [before] = kept(prompts, asked)

    assert LONG.strip()[:-1] in before
    assert "What" not in before


def test_a_mark_at_a_result_is_before_what_the_user_says_then(prompts):
    turn = [("user", "Go."), ("assistant", [call("toolu_1", "Read", path="a")])]
    told = ("user", [result("toolu_1", text("alpha beta")) | EPHEMERAL, *text("And?")])

    *_, behind = kept(prompts, *turn, told, tools=[READ])

    assert "alpha bet" in behind
    assert "And?" not in behind


CONVERSATION = [
    ("user", [*marked(LONG), *text("What of it?")]),
    ("assistant", [*text("I look."), *[call("toolu_1", "Read", path="a")]]),
    ("user", [result("toolu_1", "alpha") | EPHEMERAL]),
    ("assistant", text("It says alpha.")),
    ("user", [*marked("Thank you."), *text("And b?")]),
]
HEAD = {
    "system": [*marked("Be brief and kind."), *text("Be quick.")],
    "tools": [READ, SEARCH],
}


def test_what_is_kept_is_what_later_prompts_begin_with(prompts):
    now = built(prompts, *CONVERSATION, **HEAD)
    next_turn = [*CONVERSATION, ("assistant", "None."), ("user", "Well.")]
    edited = [*CONVERSATION[:-1], ("user", "What else?")]
    other_question = [("user", [*text(LONG), *text("Who wrote it?")])]
    other_system = HEAD | {"system": text("Be brief and kind.", "Be slow.")}
    before, *_ = now.keep_sizes  # the system's first block

    assert len(now.keep_sizes) >= 4
    assert now.keep_sizes == sorted({*now.keep_sizes})
    for later, size in [
        (built(prompts, *unmarked(next_turn), **HEAD), now.keep_sizes[-1]),
        (
            built(prompts, *edited, **HEAD),
            largest_below(now, "And b?", "Thank", prompts),
        ),
        (built(prompts, *other_question, **HEAD), sizes_with(now, LONG, prompts)[0]),
        (built(prompts, ("user", "Hi"), **other_system), before),
    ]:
        assert later.token_ids[:size] == now.token_ids[:size]


def unmarked(messages):
    """Return messages as Claude Code sends them again: without marks."""
    return json.loads(json.dumps(messages).replace(', "cache_control"', ', "x"'))


def largest_below(prompt, *words_and_prompts) -> int:
    """Return the largest size at which none of these words has been said."""
    *words, prompts = words_and_prompts
    return max(
        size
        for size in prompt.keep_sizes
        if not any(w in shown(prompts, prompt.token_ids[:size]) for w in words)
    )


def sizes_with(prompt, words, prompts) -> list[int]:
    """Return the sizes at which these words have been said."""
    return [
        size
        for size in prompt.keep_sizes
        if words.strip()[:-1] in shown(prompts, prompt.token_ids[:size])
    ]


def test_marks_change_no_token(prompts):
    plain = built(prompts, *unmarked(CONVERSATION), tools=[READ, SEARCH])
    now = built(prompts, *CONVERSATION, tools=[READ, SEARCH])

    assert now.token_ids == plain.token_ids
    assert now.head_size == plain.head_size


def test_a_forced_call_of_a_tool_behind_a_mark_changes_nothing(smollm2):
    fields = {"tools": [READ | EPHEMERAL, SEARCH]}
    choice = {"type": "tool", "name": "Search"}

    free = kept(smollm2, ("user", "Hi"), **fields)

    assert kept(smollm2, ("user", "Hi"), tool_choice=choice, **fields) == free != []
