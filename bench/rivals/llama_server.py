"""llama.cpp's server; it speaks Anthropic's API since the end of 2025, on GGUF files.

Written after its documentation; this project has never run it.
"""

from .rival import Rival

RIVAL = Rival(
    "llama-server",
    "llama-server --model {model} --host 127.0.0.1 --port {port} --jinja",
    "anthropic",
)
