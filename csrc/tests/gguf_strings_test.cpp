#include "gguf/strings.hpp"

#include "gguf/utf8.hpp"
#include "tests/gguf_file.hpp"
#include "tests/refusal.hpp"

#include <doctest/doctest.h>

#include <array>
#include <string>

namespace pensieve::gguf {

namespace {

// Encodes any number that fits into four bytes, a character or not.
std::string encoded(std::uint32_t number) {
  const auto tail = [&](unsigned shift) {
    return static_cast<char>(0x80U | (number >> shift & 0x3fU));
  };
  if (number < 0x80) {
    return {static_cast<char>(number)};
  }
  if (number < 0x800) {
    return {static_cast<char>(0xc0U | number >> 6U), tail(0)};
  }
  if (number < 0x10000) {
    return {static_cast<char>(0xe0U | number >> 12U), tail(6), tail(0)};
  }
  return {static_cast<char>(0xf0U | number >> 18U), tail(12), tail(6), tail(0)};
}

bool is_character(std::uint32_t number) {
  return number < 0xd800 || (number > 0xdfff && number < 0x110000);
}

} // namespace

TEST_CASE("strings are read back, of an array and alone") {
  FileBytes file;
  file.head(0, 3);
  file.array("many", ValueType::kString, 3).string("a").string("").string("\xc3\xa9");
  file.array("none", ValueType::kString, 0);
  file.key("alone", ValueType::kString).string("b");
  const Header header = file.parse();

  CHECK(strings(file.bytes(), header.metadata[0]) == Strings{"a", "", "\xc3\xa9"});
  CHECK(strings(file.bytes(), header.metadata[1]).empty());
  CHECK(strings(file.bytes(), header.metadata[2]) == Strings{"b"});
}

TEST_CASE("strings that are not UTF-8 are refused where they are not") {
  FileBytes file;
  file.head(0, 1).array("a", ValueType::kString, 2).string("b").string("12345678\xff");
  const Header header = file.parse();

  CHECK(refusal_of([&] { return strings(file.bytes(), header.metadata[0]); }) ==
        "a: expected UTF-8, got byte 255 at byte 8 of string 1");
}

TEST_CASE("strings are found at all of their places") {
  using Places = std::vector<std::vector<std::size_t>>;
  const Strings all = {"a", "b", "a", ""};

  CHECK(positions(all, {"a", "c", ""}) == Places{{0, 2}, {}, {3}});
  CHECK(positions({}, {"a"}) == Places{{}});
}

TEST_CASE("the first string without a part is found") {
  CHECK(first_without({"a b", " c", "d e"}, " ", 0) == std::nullopt);
  CHECK(first_without({"a b", " c", "d e"}, " ", 1) == 1);
  CHECK(first_without({"", "a"}, " ", 1) == 0);
  CHECK(first_without({}, " ", 0) == std::nullopt);
}

TEST_CASE("every character is UTF-8, and no other number is") {
  for (std::uint32_t number = 0; number < 0x120000; ++number) {
    const std::string text = encoded(number);
    const std::size_t expected = is_character(number) ? text.size() : 0;
    if (valid_utf8_prefix(text) != expected) {
      FAIL(number);
    }
  }
}

TEST_CASE("characters cut short, overlong or out of order are not UTF-8") {
  CHECK(valid_utf8_prefix("") == 0);
  CHECK(valid_utf8_prefix("ab\xc3") == 2);
  CHECK(valid_utf8_prefix("\xe2\x82") == 0);
  CHECK(valid_utf8_prefix("\xf0\x9f\x98") == 0);
  CHECK(valid_utf8_prefix("\xe2\x82z") == 0);
  CHECK(valid_utf8_prefix("\xc1\xbf") == 0);         // overlong, of two bytes
  CHECK(valid_utf8_prefix("\xe0\x9f\xbf") == 0);     // of three
  CHECK(valid_utf8_prefix("\xf0\x8f\xbf\xbf") == 0); // of four
  CHECK(valid_utf8_prefix("\xf5\x80\x80\x80") == 0); // above U+10FFFF
  CHECK(valid_utf8_prefix("12345678\xc3\xa9"
                          "12345678\x80") == 18);
}

TEST_CASE("a text's extent tells how wide its characters are") {
  struct Sample {
    std::string_view text;
    std::size_t num_characters;
    std::uint32_t limit;
  };
  constexpr std::array<Sample, 6> kSamples = {{
      {"", 0, 0x7f},
      {"ab", 2, 0x7f},
      {"a\xc3\xbf", 2, 0xff},
      {"\xc4\x80", 1, 0xffff},
      {"\xef\xbf\xbf", 1, 0xffff},
      {"a\xf0\x90\x80\x80", 2, 0x10ffff},
  }};
  for (const Sample& sample : kSamples) {
    CAPTURE(sample.text);
    CHECK(utf8_extent(sample.text).num_characters == sample.num_characters);
    CHECK(utf8_extent(sample.text).limit == sample.limit);
  }
}

TEST_CASE("every character is decoded to its number") {
  for (std::uint32_t number = 0; number < 0x110000; ++number) {
    std::array<std::uint32_t, 4> decoded{}; // room for one a byte
    decode_utf8(is_character(number) ? encoded(number) : "", decoded.data());
    if (is_character(number) && decoded.front() != number) {
      FAIL(number);
    }
  }
  std::array<std::uint8_t, 3> bytes{};
  decode_utf8("a\xc3\xbfz", bytes.data());
  CHECK(bytes == std::array<std::uint8_t, 3>{'a', 0xff, 'z'});
}

} // namespace pensieve::gguf
