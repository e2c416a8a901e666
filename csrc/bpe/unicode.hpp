#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace pensieve::bpe {

// What the pre-tokenizers' patterns tell apart, as Hugging Face `tokenizers` sees it:
// each code point has one class. make_unicode_tables.py knows the numbers, too.
enum class CharClass : std::uint8_t {
  kOther,      // none of these: controls, formats, private, unassigned
  kUpper,      // \p{Lu}, \p{Lt}
  kLower,      // \p{Ll}
  kLetter,     // \p{Lm}, \p{Lo}
  kMark,       // \p{M}
  kNumber,     // \p{N}
  kLateNumber, // not yet \p{N}, but known to Digits, whose Unicode is newer
  kSymbol,     // \p{P}, \p{S}, but for
  kApostrophe, // the ASCII one
  kSpace,      // the ASCII one
  kNewline,    // CR, LF
  kWhite,      // \s, but for these
  kCjkLetter,  // like kLetter and so on, in DeepSeek's [一-龥぀-ゟ゠-ヿ]
  kCjkMark,
  kCjkSymbol,
  kCjkOther,
  kEnd, // no code point: the text is over
};

using ClassSet = std::uint32_t; // one bit a class

template <typename... Classes> constexpr ClassSet class_set(Classes... classes) {
  return (... | (ClassSet{1} << static_cast<unsigned>(classes)));
}

constexpr bool contains(ClassSet classes, CharClass char_class) {
  return ((classes >> static_cast<unsigned>(char_class)) & 1U) != 0;
}

// Two stages: the block of 128 code points, then the one in it. ASCII is block 0.
extern const std::array<std::uint8_t, 0x110000 / 128> kClassBlocks;
extern const std::array<std::uint8_t, 32384> kClassValues;

struct CodePoint {
  std::uint32_t value;
  std::uint32_t size; // bytes, 1..4
};

// The code point at `place`, which is a byte >= 0x80. Any bytes are safe: those that
// are not UTF-8 give some code point <= 0x10FFFF and do not reach past the end.
CodePoint decode_beyond_ascii(std::string_view text, std::size_t place);

struct Character {
  CharClass char_class;
  std::uint32_t size; // bytes; 0 at the end
};

// The character at `place`, 0..text.size().
inline Character character_at(std::string_view text, std::size_t place) {
  if (place >= text.size()) {
    return {CharClass::kEnd, 0};
  }
  const auto byte = static_cast<std::uint8_t>(text[place]);
  if (byte < 0x80) {
    return {static_cast<CharClass>(kClassValues[byte]), 1};
  }
  const CodePoint point = decode_beyond_ascii(text, place);
  const std::size_t block = kClassBlocks[point.value / 128];
  const std::uint8_t value = kClassValues[block * 128 + point.value % 128];
  return {static_cast<CharClass>(value), point.size};
}

// How many of the 8 bytes at `place`, which are in the text, are ASCII letters (small
// ones only, unless kAnyCase) before one is none.
template <bool kAnyCase>
std::size_t ascii_letters(std::string_view text, std::size_t place) {
  constexpr std::uint64_t kEach = 0x0101010101010101;
  std::uint64_t word = 0;
  std::memcpy(&word, text.data() + place, sizeof word);
  const std::uint64_t case_bits = kAnyCase ? 0x20 * kEach : 0;
  const std::uint64_t small = (word | case_bits) & (0x7F * kEach);
  // The upper bit of each byte: from 'a' on, beyond 'z', beyond ASCII.
  const std::uint64_t from_a = small + ((0x80 - 'a') * kEach);
  const std::uint64_t beyond_z = small + ((0x7F - 'z') * kEach);
  const std::uint64_t others = (~from_a | beyond_z | word) & (0x80 * kEach);
  return static_cast<std::size_t>(std::countr_zero(others)) /
         8; // 8 where there is none
}

// The end of the run of these classes that begins at `place`, if there is one.
template <ClassSet kClasses>
std::size_t skip(std::string_view text, std::size_t place) {
  static_assert(!contains(kClasses, CharClass::kEnd));
  if constexpr (std::endian::native == std::endian::little &&
                contains(kClasses, CharClass::kLower)) {
    // PERF: a word at a time, with one branch; bench/native/bench_splitter.py
    while (place + 8 <= text.size()) {
      const std::size_t letters =
          ascii_letters<contains(kClasses, CharClass::kUpper)>(text, place);
      place += letters;
      if (letters < 8) {
        break;
      }
    }
  }
  for (;;) {
    const Character character = character_at(text, place);
    if (!contains(kClasses, character.char_class)) {
      return place;
    }
    place += character.size;
  }
}

} // namespace pensieve::bpe
