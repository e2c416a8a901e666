"""Other servers that Pensieve is measured beside, one file each."""

from . import llama_server, mlx_lm_server, rapid_mlx, vllm_mlx
from .rival import Rival

RIVALS: dict[str, Rival] = {
    each.name: each
    for each in (
        mlx_lm_server.RIVAL,
        llama_server.RIVAL,
        vllm_mlx.RIVAL,
        rapid_mlx.RIVAL,
    )
}


def named(word: str) -> Rival:
    """Return the rival that a person named, or the one whose command it is.

    Args:
        word: a name of RIVALS; or a command with {port} in it and perhaps {model}, with
            "openai:" before it if it speaks that API only.

    Raises:
        ValueError: neither.
    """
    if word in RIVALS:
        return RIVALS[word]
    if "{port}" not in word:
        raise ValueError(
            f"expected one of {', '.join(RIVALS)}, or a command with {{port}} in it;"
            f" got {word!r}"
        )
    command = word.removeprefix("openai:").removeprefix("anthropic:").strip()
    name = command.split()[0].split("/")[-1]
    if word.startswith("openai:"):
        return Rival(name, command, "openai")
    return Rival(name, command, "anthropic")


__all__ = ["RIVALS", "Rival", "named"]
