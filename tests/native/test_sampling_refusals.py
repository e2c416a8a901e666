"""What the native sampler does not take, and what it says of it."""

import threading

import numpy as np
import pytest

from pensieve._native.sampling import Sampler


class Call:
    """Arguments of a right call, of which some are replaced."""

    def __init__(self, **replaced):
        self.arguments = {
            "logits": np.zeros((2, 100), np.float32),
            "reals": np.tile(np.float32([1, 1, np.inf, 1, 1, 0, 0, 0]), (2, 1)),
            "words": np.tile(np.uint32([0, 0, 0, 0, 0] + [0xFFFFFFFF] * 3), (2, 1)),
            "tokens": np.zeros(2, np.uint32),
            "errors": np.zeros(2, np.uint32),
            "log_probs": np.zeros(2, np.float32),
            **replaced,
        }

    def __call__(self):
        Sampler().sample(**self.arguments)


def read_only(array):
    array.flags.writeable = False
    return array


def changed(name, place, value):
    array = Call().arguments[name]
    array[1, place] = value
    return {name: array}


Z = np.zeros
REFUSED = {
    "wrong type": (
        {"logits": Z((2, 100), np.float64)},
        TypeError,
        r"logits: expected float32 or float16, got d",
    ),
    "bits of bfloat16 without saying so": (
        {"logits": Z((2, 100), np.uint16)},
        TypeError,
        r"logits: expected float32 or float16, got uint16",
    ),
    "no bits of bfloat16": (
        {"is_bfloat16": True},
        TypeError,
        r"logits: expected uint16, got float32",
    ),
    "one row only": (
        {"logits": Z(100, np.float32)},
        ValueError,
        r"logits: expected the shape \[any, any\], got \[100\]",
    ),
    "no tokens": (
        {"logits": Z((2, 0), np.float32)},
        ValueError,
        r"logits: expected 1 to 2147483648 tokens in a row, got 0",
    ),
    "every other token": (
        {"logits": Z((2, 200), np.float32)[:, ::2]},
        TypeError,
        r"logits: expected a contiguous array, got ndarray: ",
    ),
    "by columns": (
        {"logits": np.asfortranarray(Z((2, 100), np.float32))},
        ValueError,
        r"logits: expected rows one after another",
    ),
    "not aligned": (
        {"logits": np.frombuffer(bytes(801), np.uint8)[1:].view("f4").reshape(2, 100)},
        ValueError,
        r"logits: expected aligned items",
    ),
    "no array": ({"reals": [[1.0]]}, TypeError, r"reals: expected a contiguous array"),
    "reals of another batch": (
        {"reals": Z((3, 8), np.float32)},
        ValueError,
        r"reals: expected the shape \[2, 8\], got \[3, 8\]",
    ),
    "signed words": (
        {"words": Z((2, 8), np.int32)},
        TypeError,
        r"words: expected uint32, got i",
    ),
    "short history": (
        {"histories": Z((1, 99), np.uint32)},
        ValueError,
        r"histories: expected the shape \[any, 100\], got \[1, 99\]",
    ),
    "bias of another type": (
        {"biases": Z((1, 100), np.float16)},
        TypeError,
        r"biases: expected float32, got float16",
    ),
    "short mask": (
        {"masks": Z((1, 3), np.uint32)},
        ValueError,
        r"masks: expected the shape \[any, 4\], got \[1, 3\]",
    ),
    "read-only tokens": (
        {"tokens": read_only(Z(2, np.uint32))},
        TypeError,
        r"tokens: expected a writable contiguous array, got ndarray: ",
    ),
    "too few errors": (
        {"errors": Z(1, np.uint32)},
        ValueError,
        r"errors: expected the shape \[2\], got \[1\]",
    ),
    "log-probabilities of another type": (
        {"log_probs": Z(2, np.float64)},
        TypeError,
        r"log_probs: expected float32, got d",
    ),
    "a history that is not there": (
        changed("words", 5, 0),
        ValueError,
        r"words\[1, 5\] \(history\): expected a row below 0 or 4294967295 for none",
    ),
    "an endless temperature": (
        changed("reals", 0, 0),
        ValueError,
        r"reals\[1, 0\] \(1 / temperature\): expected a finite number above 0, got 0",
    ),
    "a top_p that is no number": (
        changed("reals", 1, np.nan),
        ValueError,
        r"reals\[1, 1\] \(top_p\): expected 0 or more, got -?nan",
    ),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED.keys())
def test_what_does_not_fit_is_refused_in_one_sentence(case):
    replaced, error, message = case
    call = Call(**replaced)

    with pytest.raises(error, match=r"^\[sampling\] " + message):
        call()


def test_an_empty_batch_is_none():
    call = Call(
        logits=Z((0, 100), np.float32),
        reals=Z((0, 8), np.float32),
        words=Z((0, 8), np.uint32),
        tokens=Z(0, np.uint32),
        errors=Z(0, np.uint32),
        log_probs=Z(0, np.float32),
    )
    call()


def test_instructions_that_are_not_here_are_refused():
    with pytest.raises(ValueError, match=r"instructions: expected one of .*, got mmx"):
        Sampler("mmx")


def test_two_threads_in_one_sampler_are_refused():
    """The GIL is released, so that a second thread gets in while the first draws."""
    sampler = Sampler("scalar")
    long = Call(logits=Z((2, 4_000_000), np.float32)).arguments
    refusals = []

    def draw(arguments):
        try:
            sampler.sample(**arguments)
        except RuntimeError as error:
            refusals.append(str(error))

    thread = threading.Thread(target=draw, args=[long])
    thread.start()
    while thread.is_alive():
        draw(Call().arguments)
    thread.join()

    assert set(refusals) == {"[sampling] a Sampler is for one thread at a time"}
    draw(long)
    assert long["tokens"].any()
