"""Cases of the compiled modules; each file has those of one."""

from ..case import Case
from . import bpe, detokenizer, gguf, splitter, sse

CASES: list[Case] = [
    case for module in (sse, gguf, splitter, bpe, detokenizer) for case in module.CASES
]
MODULES = tuple(dict.fromkeys(case.name.split(".")[0] for case in CASES))
"""What cases' names begin with: of those in `pensieve._native`, the module."""
