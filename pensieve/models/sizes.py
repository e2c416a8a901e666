"""Bytes as people read them."""


def size_text(num_bytes: int) -> str:
    """Return for example "98.4 MB": decimal units, three digits or so."""
    size = float(num_bytes)
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 999.5:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB"
