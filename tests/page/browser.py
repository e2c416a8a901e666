"""Where a browser of Chromium's kind is; as a program, prints it or fails."""

import os
import shutil
import sys
from pathlib import Path

NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
MAC = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")


def browser_path() -> str | None:
    """Return the browser's path; PENSIEVE_TEST_BROWSER goes before what is found."""
    if named := os.environ.get("PENSIEVE_TEST_BROWSER"):
        return named
    for name in NAMES:
        if path := shutil.which(name):
            return path
    return str(MAC) if MAC.exists() else None


if __name__ == "__main__":
    sys.exit(print(browser_path()) if browser_path() else 1)
