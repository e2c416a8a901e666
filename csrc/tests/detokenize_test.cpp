#include "detokenize/text_stream.hpp"

#include <doctest/doctest.h>

#include <vector>

namespace pensieve::detokenize {

namespace {

std::string text_of(Scheme scheme, const std::vector<std::string>& tokens,
                    std::size_t num_stripped = 0) {
  TextStream stream(scheme, num_stripped);
  std::string text;
  for (const std::string& token : tokens) {
    stream.feed(piece_of(scheme, token), text);
    REQUIRE(is_utf8(text));
  }
  stream.finish(text);
  REQUIRE(is_utf8(text));
  return text;
}

} // namespace

TEST_CASE("UTF-8 is told from what is none at every border of its table") {
  for (const std::string_view right :
       {"\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
        "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", ""}) {
    CAPTURE(right);
    CHECK(is_utf8(right));
  }
  for (const std::string_view wrong :
       {"\x80", "\xbf", "\xc1\xbf", "\xc2", "\xc2\x7f", "\xe0\x9f\xbf", "\xed\xa0\x80",
        "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xe4\xb8",
        "a\xe4", "\xe4\xb8\xe4\xb8"}) {
    CAPTURE(wrong);
    CHECK_FALSE(is_utf8(wrong));
  }
}

TEST_CASE("a byte-level token is bytes by its letters, else its own text") {
  CHECK(piece_of(Scheme::kByteLevel, "\xc4\xa0the").bytes == " the"); // U+0120
  CHECK(piece_of(Scheme::kByteLevel, "\xc5\x83").bytes == "\xad");    // U+0143
  CHECK(piece_of(Scheme::kByteLevel, "\xc5\x84").bytes == "\xc5\x84");
  CHECK(piece_of(Scheme::kByteLevel, "a b").bytes == "a b");
  CHECK(piece_of(Scheme::kByteLevel, "\xc3\xa4").bytes == "\xe4");
  CHECK_FALSE(piece_of(Scheme::kByteLevel, "\xc3\xa4").is_text);
}

TEST_CASE("a byte-fallback token is a byte only where it is written as one") {
  CHECK(piece_of(Scheme::kByteFallback, "<0xE4>").is_byte);
  CHECK(piece_of(Scheme::kByteFallback, "<0xe4>").bytes == "\xe4");
  for (const std::string_view text : {"<0xE>", "<0xE4", "<0xEG>", "<0x 4>", "<0x-4>"}) {
    CAPTURE(text);
    CHECK_FALSE(piece_of(Scheme::kByteFallback, text).is_byte);
  }
  CHECK(piece_of(Scheme::kByteFallback, "\xe2\x96\x81\xe2\x96\x81x").bytes == "  x");
}

TEST_CASE("a character comes whole, whichever tokens it is in") {
  CHECK(text_of(Scheme::kByteLevel, {"\xc3\xa4", "\xc2\xb8", "\xc5\x83"}) ==
        "\xe4\xb8\xad");
  CHECK(text_of(Scheme::kByteFallback, {"<0xE4>", "<0xB8>", "<0xAD>"}) ==
        "\xe4\xb8\xad");
}

TEST_CASE("the two schemes replace broken characters each in its way") {
  CHECK(text_of(Scheme::kByteLevel, {"\xc3\xa4", "\xc2\xb8", "a"}) == "\ufffda");
  CHECK(text_of(Scheme::kByteLevel, {"\xc3\xa4", "\xc2\xb8"}) == "\ufffd");
  CHECK(text_of(Scheme::kByteFallback, {"<0xE4>", "<0xB8>", "a"}) == "\ufffd\ufffda");
  CHECK(text_of(Scheme::kByteFallback, {"<0xE4>", "<0x41>", "<0x41>", "a"}) ==
        "\ufffd\ufffd\ufffda");
}

TEST_CASE("spaces are stripped at the start alone") {
  const std::string space = "\u2581";
  CHECK(text_of(Scheme::kByteFallback, {space, "\u2581a\u2581"}, 1) == " a ");
  CHECK(text_of(Scheme::kByteFallback, {space, space, space, "a"}, 2) == " a");
  CHECK(text_of(Scheme::kByteFallback, {"a", space}, 1) == "a ");
  CHECK(text_of(Scheme::kByteFallback, {"<0x20>", "<0x20>"}, 1) == " ");
}

} // namespace pensieve::detokenize
