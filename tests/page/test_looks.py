"""How the page looks: contrast, phone and desktop, both themes, and by keyboard alone.

Its pictures are in build/screenshots for people to look at.
"""

import contextlib
import json
import urllib.request
from pathlib import Path

import pytest
from page.conftest import DESKTOP, PHONE, PICTURES, answered, say
from page.test_chat import BASH
from serve.gunicorn_server import post

pytestmark = pytest.mark.page

CONTRAST = (Path(__file__).parent / "contrast.js").read_text(encoding="utf-8")


@pytest.fixture
def past(server):
    """Give the server a past, with reuse and with broken prefixes."""
    text = "A river carried it past the mill, the ferry house and the garden wall. "
    for turn in range(7):
        said = [{"role": "user", "content": f"{text * (turn % 5 + 1)} tiny-task-text"}]
        body = {
            "model": "claude-x",
            "max_tokens": 10 + 4 * (turn % 4),
            "system": text * (9 if turn == 4 else 8),
            "messages": said,
        }
        headers = {
            "x-api-key": "pensieve-local-token",
            "x-claude-code-session-id": "a-sessions-id",
        }
        url, bytes_ = f"{server.base_url}/v1/messages", json.dumps(body).encode()
        urllib.request.urlopen(urllib.request.Request(url, bytes_, headers)).close()


@contextlib.contextmanager
def a_stream(server):
    """Have a stream run."""
    endless = {
        "model": "claude-x",
        "max_tokens": 100_000,
        "stream": True,
        "messages": [{"role": "user", "content": "tiny-task-endless"}],
    }
    with contextlib.closing(server.connect()) as wire:
        wire.send(post("/v1/messages", json.dumps(endless).encode()))
        wire.read_until(b"content_block_delta")
        yield


def converse(page):
    """Have a conversation with thinking, a call and its result in it."""
    page.locator(".options summary").click()
    page.fill("#temperature", "0")
    page.fill("#tools", json.dumps([BASH]))
    page.check("#thinking")
    page.locator(".options summary").click()
    say(page, "Run a command that says a number, please. (tiny-task-think)")
    answered(page).locator(".thinking summary").click()
    page.keyboard.press("Tab")
    page.locator(".pending textarea").fill("42")
    page.locator(".pending textarea").press("Enter")
    answered(page, 2)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_texts_can_be_read_and_nothing_is_cut_off(open_tab, server, past, theme, size):
    is_phone = size == "phone"
    page = open_tab(
        viewport=PHONE if is_phone else DESKTOP,
        color_scheme=theme,
        has_touch=is_phone,
        device_scale_factor=2 if is_phone else 1,
    ).open()
    converse(page)
    page.wait_for_selector("#ended .broken")
    page.evaluate("scrollTo(0, 0)")
    PICTURES.mkdir(parents=True, exist_ok=True)
    with a_stream(server):
        page.wait_for_selector("#running .stage.decode")
        page.screenshot(path=PICTURES / f"{size}-{theme}.png")
        page.screenshot(path=PICTURES / f"{size}-{theme}-whole.png", full_page=True)

    found = page.evaluate(CONTRAST)
    assert found["low"] == []
    assert found["count"] > 80
    width = "document.documentElement.scrollWidth"
    assert page.evaluate(f"{width} - innerWidth") <= 0
    page.locator(".options summary").click()
    page.locator("#chat").screenshot(path=PICTURES / f"{size}-{theme}-options.png")
    assert page.evaluate(CONTRAST)["low"] == []
    page.set_viewport_size({"width": 320, "height": 640})  # WCAG's reflow
    assert page.evaluate(f"{width} - innerWidth") <= 0


def test_the_theme_is_the_systems_until_it_is_switched_and_then_stays(open_tab):
    page = open_tab(color_scheme="dark").open()
    background = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(background)
    page.emulate_media(color_scheme="light")
    light = page.evaluate(background)
    assert dark != light

    page.click("#theme")
    page.click("#theme")
    assert page.text_content("#theme") == "Theme: dark"
    assert page.evaluate(background) == dark
    page.reload()
    assert page.evaluate(background) == dark
    page.click("#theme")
    assert page.text_content("#theme") == "Theme: auto"
    assert page.evaluate(background) == light


def test_all_can_be_done_by_keyboard_alone(page):
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "prompt"
    page.keyboard.type("Hello. (tiny-task-text)")
    page.keyboard.press("Enter")
    answered(page)

    wanted = page.evaluate(
        """[...document.querySelectorAll("a, button, input, select, textarea, summary")]
        .filter((each) => each.checkVisibility()).length"""
    )
    page.evaluate("document.activeElement.blur()")
    seen = set()
    for _ in range(2 * wanted):
        page.keyboard.press("Tab")
        name, outline = page.evaluate(
            """(() => {
            const each = document.activeElement;
            return [each.id || each.textContent, getComputedStyle(each).outlineStyle];
            })()"""
        )
        seen.add(name)
        assert outline != "none" or name == page.text_content("body"), name
    assert len(seen) >= wanted
    assert {"theme", "new-chat", "log", "prompt", "send", "Options"} <= seen


def test_one_who_wants_no_motion_gets_none(open_tab):
    page = open_tab(reduced_motion="reduce").open()

    moving = """document.getAnimations().length
        + (getComputedStyle(document.documentElement).scrollBehavior === "smooth")"""
    assert page.evaluate(moving) == 0
