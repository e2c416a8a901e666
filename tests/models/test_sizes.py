import pytest

from pensieve.models.sizes import size_text


@pytest.mark.parametrize(
    ("num_bytes", "expected"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1 kB"),
        (98_362_432, "98.4 MB"),
        (999_499, "999 kB"),
        (999_500, "1 MB"),
        (4_700_000_000, "4.7 GB"),
        (1_500_000_000_000, "1.5 TB"),
    ],
)
def test_a_size_has_three_digits_and_a_decimal_unit(num_bytes, expected):
    assert size_text(num_bytes) == expected
