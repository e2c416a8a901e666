"""Cases of the compiled modules; each file has those of one."""

from ..case import Case
from . import bpe, detokenize, gguf, sampling, splitter, sse

CASES: list[Case] = [
    case
    for module in (sse, gguf, splitter, bpe, detokenize, sampling)
    for case in module.CASES
]
MODULES = tuple(dict.fromkeys(case.name.split(".")[0] for case in CASES))
"""Those of `pensieve._native` that have cases, here or in another build."""
