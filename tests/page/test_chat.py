"""The chat on the page: streams, thinking, tool calls, and what can go wrong."""

import json
import re

import pytest
from page.conftest import answered, eventually, say
from tiny_model.scripts import PLAIN_TEXT

pytestmark = pytest.mark.page

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


@pytest.fixture(autouse=True)
def surely(page):
    """Have the model answer with its most likely tokens."""
    page.locator(".options summary").click()
    page.fill("#temperature", "0")


def test_an_answer_is_shown_with_its_figures(page):
    say(page, "Hello. (tiny-task-text)")
    answer = answered(page)

    assert page.locator(".said").text_content() == "Hello. (tiny-task-text)"
    assert answer.locator(".text").text_content() == PLAIN_TEXT
    note = answer.locator(".note").text_content()
    assert re.match(r"\d+ tokens · ", note)
    assert "first after" in note
    assert note.endswith("end turn")
    assert page.evaluate("document.activeElement.id") == "prompt"
    assert page.input_value("#prompt") == ""


def test_an_answer_is_shown_while_it_comes_and_can_be_stopped(page):
    page.fill("#max-tokens", "100000")
    say(page, "On and on. (tiny-task-endless)")
    length = "document.querySelector('.answer .text')?.textContent.length ?? 0"
    eventually(page, f"{length} > 10")
    eventually(page, f"{length} > {page.evaluate(length)}")
    assert page.locator(".answer").get_attribute("aria-busy") == "true"
    assert page.is_visible("#stop")

    page.click("#stop")
    note = answered(page).locator(".note").text_content()
    assert note.endswith("stopped")
    assert not page.is_visible("#stop")

    say(page, "Something short now. (tiny-task-text)")  # a turn after what broke off
    answered(page, 2)
    assert page.locator(".trouble").count() == 0


def test_thinking_and_a_tool_call_are_shown_and_a_result_is_answered(page):
    page.fill("#tools", json.dumps([BASH]))
    page.check("#thinking")
    say(page, "Say a number. (tiny-task-think)")

    first = answered(page)
    assert page.evaluate("document.activeElement.id").startswith("result-")
    thinking = first.locator(".thinking")
    assert "The user wants a command to be run" in thinking.text_content()
    assert thinking.get_attribute("open") is None
    thinking.locator("summary").click()
    assert thinking.locator(".text").is_visible()
    call = first.locator(".call")
    assert call.locator(".title").text_content() == "Calls Bash"
    given = json.loads(call.locator("pre").text_content())
    assert given == {"command": "echo 42", "description": "Say a number"}
    assert first.locator(".note").text_content().endswith("tool use")

    page.locator(".pending textarea").fill("42")
    page.locator(".pending textarea").press("Enter")
    second = answered(page, 2)
    assert "The command said 42" in second.locator("div.text").text_content()
    assert page.locator(".turn.result").text_content() == "Result of Bash42"
    assert page.locator(".pending").count() == 0
    assert " reused" in second.locator(".note").text_content()


def test_two_calls_at_once_each_get_a_result(page):
    page.fill("#tools", json.dumps([BASH]))
    say(page, "Both. (tiny-task-two)")
    answered(page)

    fields = page.locator(".pending textarea")
    assert fields.count() == 2
    fields.nth(0).fill("one")
    fields.nth(1).fill("two")
    page.locator(".pending input[type=checkbox]").nth(1).check()
    fields.nth(1).press("Enter")
    last = answered(page, 2)

    assert "Both commands were run" in last.text_content()
    titles = page.locator(".turn.result .title").all_text_contents()
    assert titles == ["Result of Bash", "Error of Bash"]


def test_what_is_said_is_text_whatever_it_looks_like(page):
    text = "<img src=/v1/nothing onerror=alert(1)><b>bold</b> (tiny-task-text)"
    say(page, text)
    answered(page)

    assert page.locator(".said").text_content() == text
    assert page.locator("#log img, #log b").count() == 0


def test_a_refusal_is_told_and_the_message_is_there_again(open_tab):
    tab = open_tab()
    page = tab.open()
    page.locator(".options summary").click()
    page.fill("#tools", '[{"name": "no schema"}]')
    say(page, "Hello")

    page.wait_for_selector(".trouble")
    assert "tools" in page.text_content(".trouble")
    assert page.input_value("#prompt") == "Hello"
    assert page.locator(".said").count() == 0

    page.fill("#tools", "[")
    page.locator("#prompt").press("Enter")
    page.wait_for_selector(".trouble:has-text('JSON')")
    assert all("400" in each for each in tab.complaints)
    tab.complaints.clear()


def test_a_new_conversation_begins_from_nothing(page):
    say(page, "Hello. (tiny-task-text)")
    answered(page)
    page.click("#new-chat")

    assert page.locator("#log > *").count() == 0
    with page.expect_request("**/v1/messages") as sent:
        say(page, "Again. (tiny-task-text)")
    assert len(sent.value.post_data_json["messages"]) == 1
    answered(page)
