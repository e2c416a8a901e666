"""What speaks against one sequence: engines that ended while they worked on it.

The rule, which lets a request that kills engines fail alone, and no other:

* An engine that *crashes* (abort, exception, a step without end, out of memory) makes
  suspects of all sequences that it worked on. A suspect is tried: it goes into the next
  engine alone, and stays alone until it has produced PROOF_TOKENS there or has ended;
  then the next suspect, the one with the least to compute first. What is no suspect
  waits until all are tried: beside others nobody could tell whose fault a crash is.
* A suspect that is alone in an engine that crashes has been in two crashes: it fails,
  and the other suspects go free. An innocent one is never alone in a crash. Whoever has
  proved itself is as good as new, but MAX_CRASHES_ALONE of them are the end.
* An engine that is *killed from outside*, or whose connection is cut, blames nobody,
  and all go into the next one together. But a request that makes somebody kill engines
  must end too: KILLS_OF_SUSPECT of them without a sign of life in between (a token, or
  more prompt read than ever before) make a suspect, and MAX_KILLS, the last of them
  alone, make it fail. Such a suspect is tried until it has produced PROOF_TOKENS in any
  engines: where none lasts for long, one after the other gets on, and together none
  might.
* An engine that ends *in order* blames nobody, ever.

How likely do random kills fail an innocent sequence? It takes MAX_KILLS in a row that
each fall between its entering an engine and its first sign of life there. One does with
a chance of p = 0.2, if that takes a second and kills come every five; then all do with
p ** 8 = 3e-6, and in ten minutes of such chaos, 120 kills, with less than 4e-4. Blame
for crashes takes an engine that aborts by itself, which no SIGKILL looks like.
"""

from pensieve.link.deaths import Cause

PROOF_TOKENS = 64
MAX_CRASHES = 2
MAX_CRASHES_ALONE = 5
KILLS_OF_SUSPECT = 3
MAX_KILLS = 8


class Suspicion:
    """Counts for one sequence. Falsy while nothing at all speaks against it."""

    def __init__(self) -> None:
        self._num_crashes = 0  # since it has proved itself
        self._num_crashes_alone = 0  # ever
        self._num_kills = 0  # since its last sign of life
        self._num_tokens_due = 0  # until kills make no suspect of it any more

    def __bool__(self) -> bool:
        return bool(self._num_crashes or self._num_kills or self._num_tokens_due)

    @property
    def is_suspect(self) -> bool:
        """Whether it has to be tried alone."""
        return self._num_crashes > 0 or self._num_tokens_due > 0

    @property
    def is_guilty(self) -> bool:
        """Whether one that was alone in the last engine is to fail."""
        return (
            self._num_crashes >= MAX_CRASHES
            or self._num_crashes_alone >= MAX_CRASHES_ALONE
            or self._num_kills >= MAX_KILLS
        )

    def add_end(self, cause: Cause, is_alone: bool) -> None:
        """Count an engine that ended while it worked on the sequence."""
        if cause is Cause.CRASH:
            self._num_crashes += 1
            self._num_crashes_alone += is_alone
        elif cause is Cause.OUTSIDE:
            self._num_kills += 1
            if self._num_kills == KILLS_OF_SUSPECT:
                self._num_tokens_due = PROOF_TOKENS

    def see_progress(self) -> None:
        """Note that more of the prompt was read than ever before."""
        self._num_kills = 0

    def see_token(self, num_here: int) -> None:
        """Note a token.

        Args:
            num_here: how many the engine of now has sampled of the sequence.
        """
        self._num_kills = 0
        self._num_tokens_due = max(0, self._num_tokens_due - 1)
        if num_here >= PROOF_TOKENS:
            self.acquit()

    def acquit(self) -> None:
        """Forget what speaks against it: it has proved itself, or another did it."""
        self._num_crashes = self._num_kills = self._num_tokens_due = 0
