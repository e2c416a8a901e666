"""mlx-lm's own server, which is installed with Pensieve. It knows OpenAI's API only.

It serves folders in Hugging Face form, not GGUF files. A request that names another
model makes it load that one, so requests name the one that it has.
"""

from .rival import PYTHON, Rival

RIVAL = Rival(
    "mlx_lm.server",
    f"{PYTHON} -m mlx_lm server --model {{model}} --port {{port}} --log-level ERROR",
    "openai",
    module="mlx_lm",
    tried="Linux, CPU, the tests' tiny model",
)
