"""Cases of the compiled modules; each file has those of one."""

from ..case import Case
from . import bpe, detokenizer, gguf, sse

CASES: list[Case] = [*sse.CASES, *gguf.CASES, *bpe.CASES, *detokenizer.CASES]
MODULES = ("sse", "gguf", "bpe", "detokenizer")
"""Of `pensieve._native`, those that have cases here."""
