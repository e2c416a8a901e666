"""A model's name as a request has it in, which of the server's models is meant out."""

from collections.abc import Mapping, Sequence

from pensieve.config.model_names import matches
from pensieve.errors import NotFoundError

ANTHROPICS = "claude-"
"""So begin the names of Anthropic's models. Claude Code asks for such ones for its
helpers, whatever the user has chosen."""


class Names:
    """All names that a server answers to.

    A model's own name comes first; then aliases, of which the longest holds; at last
    any claude-… name means the main model.

    Args:
        models: the models' own names, the main one first.
        aliases: other names, of which one may end in "*", and the models' own.
    """

    def __init__(self, models: Sequence[str], aliases: Mapping[str, str]) -> None:
        self._models = models
        self.aliases = dict(aliases)
        self._by_length = sorted(aliases, key=len, reverse=True)

    def meant(self, name: str) -> str:
        """Return the model's own name.

        Raises:
            NotFoundError: there is none.
        """
        if name in self._models:
            return name
        for alias in self._by_length:
            if matches(alias, name):
                return self.aliases[alias]
        if name.startswith(ANTHROPICS):
            return self._models[0]
        known = ", ".join([*self._models, *self.aliases])
        raise NotFoundError(
            f"model: expected {known} or any {ANTHROPICS}… name, got {name}"
        )
