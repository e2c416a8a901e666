"""Rapid-MLX (`pip install rapid-mlx`, Apple Silicon), which speaks Anthropic's API.

Written after its documentation; this project has never run it.
"""

from .rival import Rival

RIVAL = Rival(
    "rapid-mlx",
    "rapid-mlx serve {model} --host 127.0.0.1 --port {port}",
    "anthropic",
)
