"""The page's figures are the server's and follow it, and its key stays in its tab."""

import json
import re
import urllib.request

import pytest
from page.conftest import PICTURES, answered, eventually, say
from serve.gunicorn_server import GunicornServer

from pensieve import __version__
from pensieve.figures.report import PATH

pytestmark = pytest.mark.page

OWN_KEY = "dNtb1oQ4m7w-Zk2xvYp9R3sL"


def report(server):
    headers = {"x-api-key": "pensieve-local-token"}
    request = urllib.request.Request(f"{server.base_url}{PATH}", headers=headers)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def test_what_runs_is_shown(page, server):
    assert page.title() == f"{server.health()['model']} · Pensieve"
    assert page.text_content(".model-name") == server.health()["model"]
    assert page.text_content(".status") == "ready"
    assert page.text_content("#foot").startswith(f"Pensieve {__version__} · up ")
    assert page.text_content("#memory-under").startswith("safe")
    assert re.match(r"[\d.,]+ [kMG]B$", page.text_content("#memory"))
    assert page.locator("#cache li").count() == 2


def test_figures_follow_what_is_asked(page, server):
    dots = page.locator("#first-tokens circle")
    before = dots.count()
    say(page, "One word, please. (tiny-task-text)")
    answered(page)

    dots.nth(before).wait_for(state="attached")
    last = report(server)["ended"][0]
    first = page.locator("#ended tr").first
    first.locator(f"text={last['id']}").wait_for()
    assert "end turn" in first.text_content()
    counts = [last[f"{source}_tokens"] for source in ("memory", "disk", "computed")]
    told = " + ".join(f"{count:,}" for count in counts)
    assert told in first.text_content()
    parts = first.locator(".bar > span")
    assert parts.count() == sum(count > 0 for count in counts)
    assert page.locator("#gaps circle").count() > 0


def test_a_stream_is_shown_while_it_runs_and_no_longer(page):
    page.locator(".options summary").click()
    page.fill("#max-tokens", "100000")
    say(page, "On and on. (tiny-task-endless)")

    row = page.locator("#running tbody tr").first
    row.wait_for()
    row.locator(".stage.decode").wait_for()
    eventually(page, "/\\d/.test(document.getElementById('speed').textContent)")
    assert page.text_content("#streams") == "1"
    assert not page.is_visible("#nothing-runs")

    page.locator("#prompt").press("Escape")
    page.wait_for_selector("#nothing-runs:visible")
    eventually(page, "document.getElementById('streams').textContent === '0'")
    eventually(
        page, "document.getElementById('ended').textContent.includes('client left')"
    )


def test_what_broke_a_prefix_is_named(page, server):
    def ask(system):
        body = {
            "model": "claude-x",
            "max_tokens": 2,
            "system": system,
            "messages": [{"role": "user", "content": "Hi"}],
        }
        headers = {
            "x-api-key": "pensieve-local-token",
            "x-claude-code-session-id": "broken",
        }
        url = f"{server.base_url}/v1/messages"
        urllib.request.urlopen(
            urllib.request.Request(url, json.dumps(body).encode(), headers)
        ).close()

    ask("Be short.")
    ask("Be long.")

    broken = page.locator("#ended tr").first.locator(".broken:has-text('system')")
    broken.wait_for()
    assert "differs from the last prompt at token" in broken.text_content()


def test_of_several_models_each_is_named_and_can_be_asked(open_tab, server):
    """The server has one; what it would say of two is made of that."""
    told = report(server)
    (model,) = told["models"]
    other = {**model, "name": "another", "status": "loading", "message": "reads"}
    told["models"] = [model, {**other, "cache": model["cache"][:1]}]
    page = open_tab().page
    page.route(f"**{PATH}", lambda route: route.fulfill(json=told))
    page.goto(server.base_url)

    page.locator(".model-name").nth(1).wait_for()
    names = [model["name"], "another"]
    assert page.locator(".model-name").all_text_contents() == names
    assert page.locator(".facts").nth(1).text_content().startswith("loading · ")
    assert page.locator("#model option").all_text_contents() == names
    page.select_option("#model", "another")
    with page.expect_request("**/v1/messages") as sent:
        page.route("**/v1/messages", lambda route: route.fulfill(body=""))
        say(page, "Hello")
    assert sent.value.post_data_json["model"] == "another"
    labels = page.locator("#cache .label").all_text_contents()
    assert labels == [f"Memory · {names[0]}", "Memory · another", "Disk"]
    page.wait_for_selector(".trouble:has-text('The answer broke off.')")
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / "several-models.png")


def test_a_server_that_is_away_is_told_and_so_is_its_return(open_tab):
    tab = open_tab()
    page = tab.open()
    page.route(f"**{PATH}", lambda route: route.abort())
    page.wait_for_selector("#trouble:not(:empty)")
    assert page.text_content("#trouble") == "The server does not answer."

    page.unroute(f"**{PATH}")
    page.wait_for_selector("#trouble:empty", state="attached")
    assert all("ERR_FAILED" in each for each in tab.complaints)
    tab.complaints.clear()


def test_a_key_is_asked_for_kept_in_the_tab_and_forgotten(open_tab, own_home):
    with GunicornServer(own_home, api_key=OWN_KEY) as server:
        tab = open_tab(f"http://127.0.0.1:{server.port}")
        page = tab.page
        page.goto(tab.base_url)
        page.wait_for_selector("#key-form:visible")
        PICTURES.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=PICTURES / "key.png")
        assert page.evaluate("document.activeElement.id") == "key"
        assert not page.is_visible("main")
        page.keyboard.type("a key that it does not take")
        page.keyboard.press("Enter")
        eventually(
            page, "document.getElementById('key-note').textContent.includes('not take')"
        )
        page.wait_for_selector("#key-form:visible")
        page.keyboard.type(OWN_KEY)
        page.keyboard.press("Enter")
        page.wait_for_selector("#foot:not(:empty)")

        assert not page.is_visible("#key-form")
        page.reload()
        page.wait_for_selector("#foot:not(:empty)")
        assert OWN_KEY in page.evaluate("JSON.stringify(sessionStorage)")
        assert OWN_KEY not in page.evaluate("JSON.stringify(localStorage)")
        assert tab.context.cookies() == []
        assert OWN_KEY not in page.url

        page.click("#forget-key")
        page.wait_for_selector("#key-form:visible")
        assert page.evaluate("sessionStorage.length") == 0
        assert all("401" in each for each in tab.complaints)
        tab.complaints.clear()
        page.close()
