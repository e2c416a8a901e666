#pragma once

#include "bpe/unicode.hpp"

#include <cstddef>
#include <string_view>

// What the splitters' patterns have in common.
namespace pensieve::bpe {

using enum CharClass;

inline constexpr ClassSet kEverything = class_set(kEnd) - 1;
inline constexpr ClassSet kWhitespace = class_set(kSpace, kNewline, kWhite);
inline constexpr ClassSet kLetters = class_set(kUpper, kLower, kLetter, kCjkLetter);
inline constexpr ClassSet kMarks = class_set(kMark, kCjkMark);
inline constexpr ClassSet kCjk = class_set(kCjkLetter, kCjkMark, kCjkSymbol, kCjkOther);
inline constexpr ClassSet kNumbers = class_set(kNumber);
inline constexpr ClassSet kNewlines = class_set(kNewline);
inline constexpr ClassSet kCapitals = // with all letters that have no case
    class_set(kUpper, kLetter, kCjkLetter, kMark, kCjkMark);
inline constexpr ClassSet kSmall =
    class_set(kLower, kLetter, kCjkLetter, kMark, kCjkMark);

// The small letter of an ASCII capital; any other byte as it is.
inline char small_letter(char byte) {
  return 'A' <= byte && byte <= 'Z' ? static_cast<char>(byte - 'A' + 'a') : byte;
}

// The end of 's, 't, 're, 've, 'm, 'll or 'd, in small letters or, where kAnyCase, in
// any; `start` where there is none. The byte at `start` is an apostrophe.
template <bool kAnyCase>
std::size_t contraction_end(std::string_view text, std::size_t start) {
  const auto letter = [&](std::size_t offset) {
    const char byte = start + offset < text.size() ? text[start + offset] : '\0';
    return kAnyCase ? small_letter(byte) : byte;
  };
  const auto is_pair = [&](char second) {
    return letter(2) == second ? start + 3 : start;
  };
  switch (letter(1)) {
  case 's':
  case 't':
  case 'm':
  case 'd':
    return start + 2;
  case 'r':
  case 'v':
    return is_pair('e');
  case 'l':
    return is_pair('l');
  default:
    // The long s (U+017F) is an s in any case.
    return kAnyCase && text.substr(start + 1, 2) == "\xC5\xBF" ? start + 3 : start;
  }
}

// The end of `\s+(?!\S)|\s+`; with kNewlineEnds, of `\s*[\r\n]+` before these. There is
// white space at `start`. Where one of kStops follows, the text is over for the
// pattern.
template <bool kNewlineEnds, ClassSet kStops>
std::size_t whitespace_end(std::string_view text, std::size_t start) {
  std::size_t newline_end = start;
  std::size_t last = start;
  std::size_t place = start;
  for (;;) {
    const Character character = character_at(text, place);
    if (!contains(kWhitespace, character.char_class)) {
      if (newline_end != start) {
        return newline_end;
      }
      const bool is_over = contains(kStops | class_set(kEnd), character.char_class);
      return is_over || last == start ? place : last;
    }
    last = place;
    place += character.size;
    if (kNewlineEnds && character.char_class == kNewline) {
      newline_end = place;
    }
  }
}

// The end of `\p{N}{1,kMaxNumbers}`, after the first of them.
template <int kMaxNumbers>
std::size_t number_end(std::string_view text, std::size_t place) {
  for (int count = 1; count < kMaxNumbers; ++count) {
    const Character next = character_at(text, place);
    if (next.char_class != kNumber) {
      break;
    }
    place += next.size;
  }
  return place;
}

inline std::size_t skip_ascii_letters(std::string_view text, std::size_t place) {
  const auto is_letter = [](char byte) {
    const char small = small_letter(byte);
    return 'a' <= small && small <= 'z';
  };
  while (place < text.size() && is_letter(text[place])) {
    ++place;
  }
  return place;
}

inline bool is_newline_or_slash(char byte) {
  return byte == '\r' || byte == '\n' || byte == '/';
}

} // namespace pensieve::bpe
