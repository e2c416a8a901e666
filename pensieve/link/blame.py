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
  alone, make it fail.
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

    def __bool__(self) -> bool:
        return bool(self._num_crashes or self._num_kills)

    @property
    def is_suspect(self) -> bool:
        """Whether it has to be tried alone."""
        return self._num_crashes > 0 or self._num_kills >= KILLS_OF_SUSPECT

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

    def see_life(self) -> None:
        """Note a token, or more of the prompt read than ever before."""
        self._num_kills = 0

    def see_proof(self) -> None:
        """Note that it produced PROOF_TOKENS in one engine, or that another did it."""
        self._num_crashes = 0
        self._num_kills = 0
