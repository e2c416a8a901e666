"""GET / and the page's files: who gets HTML, and under which rules it runs."""

import re
from importlib import resources

import pytest

from pensieve import __version__
from pensieve.figures import report
from pensieve.keys import LOCAL_TOKEN

OWN_KEY = "dNtb1oQ4m7w-Zk2xvYp9R3sL"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"
FOLDER = resources.files("pensieve.api") / "static"
FILES = {file.name: file.read_text("utf-8") for file in FOLDER.iterdir()}


def policy_of(call):
    """Return a policy's directives."""
    directives = call.headers["content-security-policy"].split("; ")
    return dict(directive.split(" ", 1) for directive in directives)


@pytest.mark.parametrize(
    "accept",
    [
        None,
        "*/*",
        "application/json",
        "application/json, text/html",
        "text/html;q=0, */*",
    ],
)
async def test_programs_are_told_what_listens_here(client, accept):
    headers = {} if accept is None else {"accept": accept}

    call = await client.get("/", headers=headers)

    assert call.json() == {"name": "pensieve", "version": __version__}


async def test_head_of_the_root_is_answered_without_a_body(client):
    """As Claude Code asks before its first request."""
    call = await client.request("HEAD", "/", headers={"accept": "*/*"})

    assert (call.status, call.body) == (200, b"")
    assert call.headers["content-type"] == "application/json"


@pytest.mark.parametrize("accept", [BROWSER, "text/html", "text/html, */*;q=0.1"])
async def test_browsers_get_the_page(client, accept):
    call = await client.get("/", headers={"accept": accept})

    assert call.status == 200
    assert call.headers["content-type"] == "text/html; charset=utf-8"
    assert call.body.decode() == FILES["index.html"]
    assert call.headers["vary"] == "accept"


@pytest.mark.parametrize("path", ["/", *(f"/page/{name}" for name in sorted(FILES))])
async def test_the_page_and_its_files_run_nothing_but_the_servers_own_files(
    client, path
):
    call = await client.get(path, headers={"accept": BROWSER})

    assert call.status == 200
    policy = policy_of(call)
    assert policy["default-src"] == "'none'"
    for kind in ("script-src", "style-src", "img-src", "connect-src"):
        assert policy[kind] == "'self'"
    for kind in ("base-uri", "form-action", "frame-ancestors"):
        assert policy[kind] == "'none'"
    assert "unsafe" not in call.headers["content-security-policy"]
    assert call.headers["x-content-type-options"] == "nosniff"
    assert call.headers["referrer-policy"] == "no-referrer"
    assert call.headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("main.js", "text/javascript; charset=utf-8"),
        ("base.css", "text/css; charset=utf-8"),
        ("icon.svg", "image/svg+xml"),
    ],
)
async def test_a_file_comes_as_it_is_with_its_type(client, name, media_type):
    call = await client.get(f"/page/{name}", headers={})

    assert call.headers["content-type"] == media_type
    assert call.body.decode() == FILES[name]


@pytest.mark.parametrize("name", ["nothing.js", "..", "%2e%2e%2fpage.py", "page.py"])
async def test_no_other_file_can_be_had(client, name):
    call = await client.get(f"/page/{name}", headers={})

    assert call.status == 404
    assert call.json()["error"]["type"] == "not_found_error"


async def test_the_page_loads_without_a_key_and_its_figures_need_it(make_client):
    async with make_client(api_key=OWN_KEY) as client:
        page = await client.get("/", headers={"accept": BROWSER})
        script = await client.get("/page/main.js", headers={})
        data = await client.get(report.PATH, headers={})

    assert (page.status, script.status, data.status) == (200, 200, 401)


async def test_a_rebound_name_gets_no_page(client):
    headers = {"accept": BROWSER, "host": "evil.example"}

    assert (await client.get("/", headers=headers)).status == 403
    assert (await client.get("/page/main.js", headers=headers)).status == 403


def test_nothing_is_asked_of_anybody_else():
    for name, text in FILES.items():
        text = text.replace("http://www.w3.org/2000/svg", "")  # a name, not an address
        assert not re.search(r"https?:|//[a-z]+\.|\bwss?:", text), name


def test_no_script_and_no_style_is_inline():
    html = FILES["index.html"]

    assert not re.search(r"\s(style|on\w+)=", html)
    assert "<style" not in html
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", html))
    for name, text in FILES.items():
        if name.endswith(".js"):
            assert not re.search(r"innerHTML|outerHTML|insertAdjacent|\beval\b", text)


def test_each_file_that_is_named_is_there():
    named = set()
    for text in FILES.values():
        named |= set(re.findall(r'(?:src|href)="/page/([\w.]+)"', text))
        named |= set(re.findall(r'from "\./([\w.]+)"', text))

    assert named == set(FILES) - {"index.html"}


def test_what_the_page_knows_of_the_server_is_so():
    client = FILES["client.js"]

    assert f'"{report.PATH}"' in client
    assert f'"{LOCAL_TOKEN}"' in client
