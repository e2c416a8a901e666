"""The sequences under way: who is in the engine, and who may go in.

They outlive engines. The roster gives them to each engine anew: all at once, but those
that may have ended the last one by one, alone (`blame.py`); and background ones only
where there is room that no other wants.
"""

from collections.abc import Callable, Iterator

from pensieve.errors import ApiError
from pensieve.link.deaths import Cause, EngineEnd
from pensieve.link.messages import Cancel, Finished, Request, Sampled, SequenceEvent
from pensieve.link.sequence import Sequence


class Roster:
    """Knows all sequences that have not ended. Of one event loop.

    Args:
        max_batch_size: sequences that the engine works on together.
        ids: names for sequences, shared with who makes them.
        send: passes a request to the engine of now.
        takes_background: whether the engine begins background work now.
    """

    def __init__(
        self,
        max_batch_size: int,
        ids: Iterator[int],
        send: Callable[[Request], None],
        takes_background: Callable[[], bool] = lambda: True,
    ) -> None:
        self._max_batch_size = max_batch_size
        self._ids = ids
        self._send = send
        self._takes_background = takes_background
        self._is_open = False
        self._on_trial: Sequence | None = None
        self._sequences: dict[int, Sequence] = {}

    @property
    def num_sequences(self) -> int:
        """All of them, those that wait too."""
        return len(self._sequences)

    @property
    def num_live(self) -> int:
        """Those that are not background work."""
        return sum(not each.is_background for each in self._sequences.values())

    @property
    def active(self) -> list[Sequence]:
        """Those that the engine works on."""
        return [each for each in self._sequences.values() if each.has_begun]

    def add(self, sequence: Sequence) -> None:
        """Take a sequence on, and hand it over as soon as it may go in."""
        may_enter = self._is_open and self._on_trial is None
        if may_enter and not sequence.is_background:
            self._hand_over(sequence)  # first: what cannot be sent takes no place
        self._sequences[sequence.sequence_id] = sequence
        self._balance()

    def leave(self, sequence: Sequence) -> None:
        """Let go of a sequence that nobody reads any more."""
        if self._sequences.pop(sequence.sequence_id, None) is None:
            return
        if sequence.is_handed_over:
            self._send(Cancel(sequence.sequence_id))
        self._balance()

    def open(self) -> None:
        """Let sequences into an engine that is ready and has none."""
        self._is_open = True
        self._balance()

    def reconsider(self) -> None:
        """Look anew at who may be inside: whether background work may has changed."""
        self._balance()

    def interrupt(self, end: EngineEnd) -> None:
        """Note that the engine ended; whose fault it was for certain fails."""
        self._is_open = False
        self._on_trial = None
        inside = self.active
        if not inside and end.cause is Cause.CRASH:  # over a grammar, perhaps
            inside = [each for each in self._sequences.values() if each.is_handed_over]
        for sequence in inside:
            sequence.suspicion.add_end(end.cause, is_alone=len(inside) == 1)
        for sequence in self._sequences.values():
            sequence.interrupt()
        if len(inside) == 1 and inside[0].suspicion.is_guilty:
            self._convict(inside[0], end)

    def _convict(self, sequence: Sequence, end: EngineEnd) -> None:
        del self._sequences[sequence.sequence_id]
        error = ApiError(
            "the engine ended again and again while it worked on this request alone,"
            f" the last time by {end.reason}"
        )
        error.headers = {"x-should-retry": "false"}
        sequence.fail(error)
        for other in self._sequences.values():
            other.suspicion.acquit()

    def fail_all(self, error: ApiError) -> None:
        """End all sequences with an error."""
        for sequence in self._sequences.values():
            sequence.fail(error)
        self._sequences.clear()

    def take(self, message: SequenceEvent | Sampled) -> None:
        """Pass on what the engine said of a sequence."""
        if isinstance(message, Sampled):
            pairs = zip(message.sequence_ids, message.token_ids, strict=True)
            for sequence_id, token_id in pairs:
                if sequence := self._sequences.get(sequence_id):
                    sequence.produce(token_id)
            self._look_at_trial()
        elif sequence := self._sequences.get(message.sequence_id):
            sequence.take(message)
            if sequence.has_ended:
                del self._sequences[sequence.sequence_id]
                self._balance()
            self._look_at_trial()

    # ----- In and out of the engine -----

    def _hand_over(self, sequence: Sequence) -> None:
        """Give the engine a sequence, or what is left of one."""
        sequence.is_handed_over = True
        submit = sequence.submit()
        if submit.max_tokens > 0:
            self._send(submit)
        else:  # its last token came, the word that it was the last did not
            sequence.take(Finished(sequence.sequence_id, "max_tokens"))
            self._sequences.pop(sequence.sequence_id, None)

    def _take_out(self, sequence: Sequence) -> None:
        """Take a sequence from the engine, to hand it over again under another id."""
        self._send(Cancel(sequence.sequence_id))
        del self._sequences[sequence.sequence_id]
        sequence.renumber(next(self._ids))
        self._sequences[sequence.sequence_id] = sequence

    def _balance(self) -> None:
        """Bring in who may be inside, and take out who may not."""
        if not self._is_open:
            return
        # A suspect whose last token has come ends as it is handed over: then the next.
        while (suspect := self._next_on_trial()) is not None:
            self._on_trial = suspect
            self._leave_alone(suspect)
            if not suspect.has_ended:
                return
        self._on_trial = None
        for sequence in list(self._sequences.values()):
            if not (sequence.is_background or sequence.is_handed_over):
                self._hand_over(sequence)
        self._balance_background()

    def _balance_background(self) -> None:
        """Fill the batch with background sequences, or take out those too many."""
        inside = [each for each in self._sequences.values() if each.is_handed_over]
        free = self._max_batch_size - len(inside)
        if not self._takes_background():
            free = min(free, 0)
        for sequence in list(self._sequences.values()):
            if free > 0 and not sequence.is_handed_over:
                self._hand_over(sequence)
                free -= 1
        for sequence in reversed(inside):
            if free < 0 and sequence.is_background:
                self._take_out(sequence)
                free += 1

    # ----- Suspects, one at a time -----

    def _next_on_trial(self) -> Sequence | None:
        """Return the suspect that is inside, else the one with the least to compute."""
        suspects = [
            each for each in self._sequences.values() if each.suspicion.is_suspect
        ]
        return min(
            suspects,
            key=lambda each: (
                not each.is_handed_over,
                each.is_background,
                each.num_tokens,
            ),
            default=None,
        )

    def _leave_alone(self, sequence: Sequence) -> None:
        for other in list(self._sequences.values()):
            if other.is_handed_over and other is not sequence:
                self._take_out(other)
        if not sequence.is_handed_over:
            self._hand_over(sequence)

    def _look_at_trial(self) -> None:
        if self._on_trial is not None and not self._on_trial.suspicion.is_suspect:
            self._balance()
