"""Constraints in, built in a thread of their own, so that no step waits for a grammar.

A large grammar takes a second to compile, in which other sequences decode.
"""

import logging
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple

from pensieve.engine.busy import Busy
from pensieve.engine.constraints.constraint import ActiveConstraint
from pensieve.engine.constraints.grammar import GrammarCompiler, GrammarError
from pensieve.errors import ModelError
from pensieve.link.messages import Submit
from pensieve.models.vocabulary import read_vocabulary

log = logging.getLogger(__name__)

STACK_BYTES = 256 << 20
"""llguidance compiles by recursion: with the usual 8 MB, a chain of 20,000 rules ended
the process. What is not used of it costs no memory."""


class Built(NamedTuple):
    """A submitted sequence and what became of its grammar."""

    connection_id: int
    submit: Submit
    constraint: ActiveConstraint | None
    """None: the grammar cannot be used."""
    refusal: str = ""
    """Then why."""


class ConstraintBuilder(threading.Thread):
    """Builds one constraint after the other; a daemon, which ends with the process.

    Args:
        model_path: whose vocabulary is read, at once and here.
        on_built: called in this thread.
    """

    def __init__(self, model_path: Path, on_built: Callable[[Built], object]) -> None:
        super().__init__(name="grammars", daemon=True)
        self.busy = Busy()
        self._model_path = model_path
        self._on_built = on_built
        self._wanted: SimpleQueue[tuple[int, Submit, int]] = SimpleQueue()

    def start(self) -> None:
        """Start, with a stack of STACK_BYTES."""
        usual = threading.stack_size(STACK_BYTES)
        try:
            super().start()
        finally:
            threading.stack_size(usual)

    def build(self, connection_id: int, submit: Submit, vocab_size: int) -> None:
        """Begin to build a sequence's constraint. Any thread.

        Args:
            vocab_size: width of the model's logits.
        """
        self._wanted.put((connection_id, submit, vocab_size))

    def run(self) -> None:
        """Build for ever."""
        compiler = self._compiler()
        while True:
            self.busy.end()
            connection_id, submit, vocab_size = self._wanted.get()
            self.busy.begin()
            try:
                result = built(compiler, connection_id, submit, vocab_size)
            except BaseException as error:  # a panic of llguidance's is no Exception
                # Not what it says: it may quote the client's schema.
                where = "".join(traceback.format_tb(error.__traceback__))
                name = type(error).__qualname__
                log.error("a grammar broke the compiler\n%s%s", where, name)
                refusal = f"grammar: {type(error).__name__}: {error}"
                result = Built(connection_id, submit, None, refusal)
            self._on_built(result)

    def _compiler(self) -> GrammarCompiler | str:
        """Return a compiler, or why there is none: the model can do without."""
        try:
            return GrammarCompiler(read_vocabulary(self._model_path))
        except ModelError as error:
            return str(error)
        except Exception as error:
            log.exception("no grammars for %s", self._model_path)
            return f"{self._model_path}: {type(error).__name__}: {error}"


def built(
    compiler: GrammarCompiler | str, connection_id: int, submit: Submit, vocab_size: int
) -> Built:
    """Return what becomes of a sequence's constraint.

    Args:
        compiler: or why there is none.
    """
    if isinstance(compiler, str):
        refusal = f"grammar: this model's vocabulary cannot be used: {compiler}"
        return Built(connection_id, submit, None, refusal)
    try:
        matcher = compiler.matcher(submit.constraint.grammar)
        constraint = ActiveConstraint(submit, vocab_size, matcher)
    except GrammarError as error:
        return Built(connection_id, submit, None, f"grammar: {error}")
    return Built(connection_id, submit, constraint)
