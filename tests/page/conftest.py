"""A real browser on the page of a real server, which serves the tiny model."""

import os
import time
from pathlib import Path

import pytest
from page.browser import browser_path
from serve.real_server import RealServer

DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
PICTURES = Path(__file__).parent.parent.parent / "build" / "screenshots"
"""For people to look at."""
PATIENCE_MS = 20_000
"""For what takes well under a second on an idle machine."""


@pytest.fixture(scope="session")
def server(tmp_path_factory, tiny_model_path):
    with RealServer(tmp_path_factory.mktemp("page"), tiny_model_path) as server:
        yield server


@pytest.fixture(scope="session")
def browser():
    """Start the system's Chromium; as root it has no sandbox."""
    from playwright.sync_api import sync_playwright

    path = browser_path()
    assert path is not None, "no Chromium here; `make test-page` would have said so"
    arguments = ["--no-sandbox"] if os.getuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


class Tab:
    """A tab of its own browser profile, and what has gone wrong in it."""

    def __init__(self, browser, base_url, **options):
        self.context = browser.new_context(**{"viewport": DESKTOP} | options)
        self.context.set_default_timeout(PATIENCE_MS)
        self.page = self.context.new_page()
        self.base_url = base_url
        self.urls = []
        self.complaints = []
        """Errors and warnings of the console: a violated policy is one."""
        self.page.on("request", lambda request: self.urls.append(request.url))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._hear)

    def _hear(self, message):
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def open(self):
        """Load the page, and wait for its first figures; return it."""
        self.page.goto(self.base_url)
        self.page.wait_for_selector("#foot:not(:empty)")
        return self.page

    def close(self):
        """Leave; nothing may have gone wrong, nor have been asked of another host."""
        self.context.close()
        assert self.complaints == []
        others = [url for url in self.urls if not url.startswith(f"{self.base_url}/")]
        assert others == []


@pytest.fixture
def open_tab(browser, server):
    """Return what makes a tab on the server's page; checked when the test ends."""
    tabs = []

    def make(base_url=server.base_url, **options):
        tabs.append(Tab(browser, base_url, **options))
        return tabs[-1]

    yield make
    for tab in tabs:
        tab.close()


@pytest.fixture
def page(open_tab):
    """Return the page as a large screen has it."""
    return open_tab().open()


def eventually(page, expression):
    """Wait until an expression is true. Playwright's own wait would need eval."""
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while not page.evaluate(expression):
        assert time.monotonic() < deadline, expression
        time.sleep(0.05)


def say(page, text):
    """Send a message by the keyboard."""
    page.locator("#prompt").fill(text)
    page.locator("#prompt").press("Enter")


def answered(page, number=1):
    """Wait until this many answers are complete; return the last one."""
    done = page.locator(".answer:not([aria-busy])")
    done.nth(number - 1).locator(".note").wait_for()
    return done.nth(number - 1)
