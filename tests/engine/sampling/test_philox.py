import mlx.core as mx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference.philox import philox_4x32_10

from pensieve.engine.sampling.philox import philox_4x32, seed_words

# Random123's kat_vectors, the lines "philox4x32 10": counter, key, result.
KNOWN_ANSWERS = [
    (
        "00000000 00000000 00000000 00000000",
        "00000000 00000000",
        "6627e8d5 e169c58d bc57ac4c 9b00dbd8",
    ),
    (
        "ffffffff ffffffff ffffffff ffffffff",
        "ffffffff ffffffff",
        "408f276d 41c83b0e a20bc7c6 6d5451fd",
    ),
    (
        "243f6a88 85a308d3 13198a2e 03707344",
        "a4093822 299f31d0",
        "d16cfe09 94fdcceb 5001e420 24126ea1",
    ),
]

word = st.integers(0, 2**32 - 1)


def words(text: str) -> tuple[int, ...]:
    return tuple(int(part, 16) for part in text.split())


def mlx_philox(counter, key):
    low, high = key
    arrays = tuple(mx.array([part], mx.uint32) for part in counter)
    return tuple(out.item() for out in philox_4x32(arrays, high << 32 | low))


@pytest.mark.parametrize(
    "philox", [philox_4x32_10, mlx_philox], ids=["reference", "mlx"]
)
@pytest.mark.parametrize(("counter", "key", "result"), KNOWN_ANSWERS)
def test_the_known_answers_of_random123_come_out(philox, counter, key, result):
    assert philox(words(counter), words(key)) == words(result)


@given(counter=st.tuples(word, word, word, word), key=st.tuples(word, word))
def test_mlx_agrees_with_the_reference(counter, key):
    assert mlx_philox(counter, key) == philox_4x32_10(counter, key)


def test_a_seed_is_split_into_its_low_and_high_word():
    assert seed_words(0x0123456789ABCDEF) == (0x89ABCDEF, 0x01234567)
