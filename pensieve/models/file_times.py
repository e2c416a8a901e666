"""A file's time as the API writes times."""

import os
from datetime import UTC, datetime


def modified_at(status: os.stat_result) -> str:
    """Return the time of the last change, RFC 3339 in UTC, whole seconds."""
    changed = datetime.fromtimestamp(int(status.st_mtime), UTC)
    return changed.strftime("%Y-%m-%dT%H:%M:%SZ")
