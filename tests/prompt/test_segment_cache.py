from array import array

from pensieve.prompt.segment_cache import SegmentCache


class Encoder:
    """One id for each character; remembers what it was asked."""

    def __init__(self):
        self.asked = []

    def __call__(self, text):
        self.asked.append(text)
        return array("I", map(ord, text))


def test_what_was_encoded_before_is_remembered():
    cache, encode = SegmentCache(max_chars=10), Encoder()

    first = list(cache.encode("ab", "x", encode))
    again = list(cache.encode("ab", "x", encode))

    assert first == again == [97, 98]
    assert encode.asked == ["ab"]


def test_encodings_are_kept_apart():
    cache, encode = SegmentCache(max_chars=10), Encoder()

    cache.encode("ab", True, encode)
    cache.encode("ab", False, encode)

    assert encode.asked == ["ab", "ab"]


def test_the_least_recently_used_goes_first():
    cache, encode = SegmentCache(max_chars=4), Encoder()
    for text in ["aa", "bb", "aa", "cc", "aa", "bb"]:
        cache.encode(text, 0, encode)

    assert encode.asked == ["aa", "bb", "cc", "bb"]


def test_what_is_too_long_to_keep_drives_nothing_out():
    cache, encode = SegmentCache(max_chars=4), Encoder()
    for text in ["aa", "ccccc", "aa", "ccccc"]:
        cache.encode(text, 0, encode)

    assert encode.asked == ["aa", "ccccc", "ccccc"]
