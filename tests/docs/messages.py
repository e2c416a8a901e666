"""The texts in the sources, taken apart where values are put in."""

import ast


def all_pieces(folder):
    """Return the literal pieces of all texts below a folder, f-strings' included."""
    found = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                # "…" is a value that differs, on a page; here it is a letter.
                found |= set(node.value.split("…"))
    return found - {""}


def fewest_pieces(text, pieces):
    """Return the shortest list of pieces that `text` is made of, None for none."""

    best = [None] * (len(text) + 1)
    best[0] = []
    for end in range(1, len(text) + 1):
        for start in range(end):
            before = best[start]
            if before is None or text[start:end] not in pieces:
                continue
            if best[end] is None or len(before) + 1 < len(best[end]):
                best[end] = [*before, text[start:end]]
    return best[-1]
