#include "bpe/nfc.hpp"
#include "bpe/unicode.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace pensieve::bpe {

namespace {

std::string utf8(std::uint32_t point) {
  const auto continuation = [point](unsigned shift) {
    return static_cast<char>(0x80U | ((point >> shift) & 0x3FU));
  };
  if (point < 0x80) {
    return {static_cast<char>(point)};
  }
  if (point < 0x800) {
    return {static_cast<char>(0xC0U | (point >> 6U)), continuation(0)};
  }
  if (point < 0x10000) {
    return {static_cast<char>(0xE0U | (point >> 12U)), continuation(6),
            continuation(0)};
  }
  return {static_cast<char>(0xF0U | (point >> 18U)), continuation(12), continuation(6),
          continuation(0)};
}

CharClass class_of(std::uint32_t point) {
  const std::string text = utf8(point);
  const Character character = character_at(text, 0);
  CHECK(character.size == text.size());
  return character.char_class;
}

} // namespace

TEST_CASE("every code point is decoded, in a text of just its size") {
  for (std::uint32_t point = 0x80; point < 0x110000; ++point) {
    const std::string encoded = utf8(point);
    const std::vector<char> exact(encoded.begin(), encoded.end());
    const CodePoint decoded = decode_beyond_ascii({exact.data(), exact.size()}, 0);
    if (decoded.value != point || decoded.size != exact.size()) {
      FAIL("U+", point, " was decoded as ", decoded.value);
    }
  }
}

TEST_CASE("a code point that is cut off ends with the text") {
  for (const std::uint32_t point : {0xE9U, 0x6F22U, 0x1F600U}) {
    const std::string whole = utf8(point);
    for (std::size_t size = 1; size < whole.size(); ++size) {
      const std::vector<char> exact(whole.begin(),
                                    whole.begin() + static_cast<std::ptrdiff_t>(size));
      const std::string_view text(exact.data(), exact.size());
      const CodePoint decoded = decode_beyond_ascii(text, 0);
      CHECK(decoded.size >= 1);
      CHECK(decoded.size <= size);
    }
  }
}

TEST_CASE("code points have their classes") {
  CHECK(class_of('A') == CharClass::kUpper);
  CHECK(class_of('z') == CharClass::kLower);
  CHECK(class_of('0') == CharClass::kNumber);
  CHECK(class_of('\'') == CharClass::kApostrophe);
  CHECK(class_of('+') == CharClass::kSymbol);
  CHECK(class_of('_') == CharClass::kSymbol);
  CHECK(class_of(' ') == CharClass::kSpace);
  CHECK(class_of('\r') == CharClass::kNewline);
  CHECK(class_of('\t') == CharClass::kWhite);
  CHECK(class_of(0x85) == CharClass::kWhite);
  CHECK(class_of(0x3000) == CharClass::kWhite);
  CHECK(class_of(0x200B) == CharClass::kOther); // no white space, in spite of its name
  CHECK(class_of(0) == CharClass::kOther);
  CHECK(class_of(0x1C5) == CharClass::kUpper); // title case
  CHECK(class_of(0xAA) == CharClass::kLetter);
  CHECK(class_of(0x301) == CharClass::kMark);
  CHECK(class_of(0x216B) == CharClass::kNumber);
  CHECK(class_of(0x11DE0) == CharClass::kLateNumber);
  CHECK(class_of(0x1F600) == CharClass::kSymbol);
  CHECK(class_of(0x9FA5) == CharClass::kCjkLetter);
  CHECK(class_of(0x9FA6) == CharClass::kLetter);
  CHECK(class_of(0x3099) == CharClass::kCjkMark);
  CHECK(class_of(0x30FB) == CharClass::kCjkSymbol);
  CHECK(class_of(0x3040) == CharClass::kCjkOther);
  CHECK(class_of(0xE000) == CharClass::kOther);
  CHECK(class_of(0x10FFFF) == CharClass::kOther);
  CHECK(character_at("a", 1).char_class == CharClass::kEnd);
}

TEST_CASE("a run of letters is the same by words of 8 bytes and one by one") {
  constexpr ClassSet kSmall = class_set(CharClass::kLower, CharClass::kLetter);
  constexpr ClassSet kAny = kSmall | class_set(CharClass::kUpper);
  const auto run_one_by_one = [](ClassSet classes, std::string_view text) {
    std::size_t place = 0;
    while (contains(classes, character_at(text, place).char_class)) {
      place += character_at(text, place).size;
    }
    return place;
  };
  for (std::uint32_t point = 0; point < 0x250; ++point) {
    for (std::size_t before = 0; before < 20; ++before) {
      CAPTURE(point);
      CAPTURE(before);
      const std::string text = std::string(before, 'q') + utf8(point) + "abcdefghi";
      CHECK(skip<kSmall>(text, 0) == run_one_by_one(kSmall, text));
      CHECK(skip<kAny>(text, 0) == run_one_by_one(kAny, text));
    }
  }
}

TEST_CASE("what has no marks is NFC, wherever it stands among words of 8 bytes") {
  for (std::size_t before = 0; before < 20; ++before) {
    for (std::size_t after = 0; after < 20; ++after) {
      const auto among = [&](const std::string& text) {
        return is_surely_nfc(std::string(before, 'x') + text + std::string(after, 'x'));
      };
      CHECK(among(""));
      CHECK(among(utf8(0xE9)));
      CHECK(among(utf8(0x2FF)));
      CHECK(among(utf8(0x6F22) + utf8(0xAC01) + utf8(0x1F600)));
      CHECK_FALSE(among(utf8(0x300)));  // may compose with what is before
      CHECK_FALSE(among(utf8(0x212B))); // the Angstrom sign is a letter with a ring
      CHECK_FALSE(among(utf8(0xF900)));
    }
  }
}

TEST_CASE("marks have to be in order, and syllables whole") {
  // U+0316 below has class 220, U+030D above 230.
  CHECK(is_surely_nfc("x\xCC\x96\xCC\x8D"));
  CHECK_FALSE(is_surely_nfc("x\xCC\x8D\xCC\x96"));
  CHECK(is_surely_nfc("x\xCC\x8Dy\xCC\x96"));
  CHECK_FALSE(is_surely_nfc(utf8(0x1100) + utf8(0x1161))); // conjoining jamo
  CHECK_FALSE(is_surely_nfc(utf8(0x378)));                 // unassigned: not known
}

} // namespace pensieve::bpe
