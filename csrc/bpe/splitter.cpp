#include "bpe/splitter.hpp"

#include "bpe/unicode.hpp"

#include <array>
#include <utility>

namespace pensieve::bpe {

namespace {

using enum CharClass;

constexpr ClassSet kEverything = class_set(kEnd) - 1;
constexpr ClassSet kWhitespace = class_set(kSpace, kNewline, kWhite);
constexpr ClassSet kLetters = class_set(kUpper, kLower, kLetter, kCjkLetter);
constexpr ClassSet kMarks = class_set(kMark, kCjkMark);
constexpr ClassSet kNumbers = class_set(kNumber);
constexpr ClassSet kNewlines = class_set(kNewline);

// The end of 's, 't, 're, 've, 'm, 'll or 'd, in small letters or, where kAnyCase, in
// any; `start` where there is none. The byte at `start` is an apostrophe.
template <bool kAnyCase>
std::size_t contraction_end(std::string_view text, std::size_t start) {
  const auto letter = [&](std::size_t offset) {
    const char byte = start + offset < text.size() ? text[start + offset] : '\0';
    return kAnyCase && 'A' <= byte && byte <= 'Z' ? static_cast<char>(byte | 0x20)
                                                  : byte;
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

//   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
// kDigitsApart: each number is a piece already, and the pattern sees what is between.
template <bool kDigitsApart>
std::size_t gpt2_end(std::string_view text, std::size_t start) {
  constexpr ClassSet kApart = kDigitsApart ? class_set(kNumber, kLateNumber) : 0;
  constexpr ClassSet kRest =
      kEverything & ~(kWhitespace | kLetters | kNumbers | kApart);

  Character first = character_at(text, start);
  std::size_t place = start + first.size;
  if (contains(kApart, first.char_class)) {
    return place;
  }
  if (first.char_class == kApostrophe) {
    const std::size_t end = contraction_end<false>(text, start);
    if (end != start) {
      return end;
    }
  }
  if (first.char_class == kSpace) { // ` ?`
    const Character second = character_at(text, place);
    if (!contains(kWhitespace | kApart | class_set(kEnd), second.char_class)) {
      first = second;
      place += second.size;
    }
  }
  if (contains(kLetters, first.char_class)) {
    return skip<kLetters>(text, place);
  }
  if (first.char_class == kNumber) {
    return skip<kNumbers>(text, place);
  }
  if (contains(kRest, first.char_class)) {
    return skip<kRest>(text, place);
  }
  return whitespace_end<false, kApart>(text, start);
}

//   (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,kMaxNumbers}
//   | ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
// kMarksInWords: `[\p{L}\p{M}]+` and `[^\s\p{L}\p{M}\p{N}]+`.
template <int kMaxNumbers, bool kMarksInWords>
std::size_t llama3_end(std::string_view text, std::size_t start) {
  constexpr ClassSet kWord = kLetters | (kMarksInWords ? kMarks : 0);
  constexpr ClassSet kRest = kEverything & ~(kWhitespace | kWord | kNumbers);

  const Character first = character_at(text, start);
  std::size_t place = start + first.size;
  if (contains(kWord, first.char_class)) {
    return skip<kWord>(text, place);
  }
  if (first.char_class == kNumber) {
    return number_end<kMaxNumbers>(text, place);
  }
  if (first.char_class == kApostrophe) {
    const std::size_t end = contraction_end<true>(text, start);
    if (end != start) {
      return end;
    }
  }
  const Character second = character_at(text, place);
  if (first.char_class != kNewline && contains(kWord, second.char_class)) {
    return skip<kWord>(text, place + second.size);
  }
  if (first.char_class == kSpace && contains(kRest, second.char_class)) {
    place += second.size;
  } else if (!contains(kRest, first.char_class)) {
    return whitespace_end<true, 0>(text, start);
  }
  return skip<kNewlines>(text, skip<kRest>(text, place));
}

std::size_t none_end(std::string_view text, std::size_t /*start*/) {
  return text.size();
}

constexpr std::array<std::pair<std::string_view, Splitter>, 10> kNames{{
    {"gpt2", Splitter::kGpt2},
    {"smollm", Splitter::kSmollm},
    {"llama3", Splitter::kLlama3},
    {"qwen2", Splitter::kQwen2},
    {"qwen35", Splitter::kQwen35},
    {"deepseek_v3", Splitter::kDeepseekV3},
    {"o200k", Splitter::kO200k},
    {"glm4", Splitter::kGlm4},
    {"tekken", Splitter::kTekken},
    {"none", Splitter::kNone},
}};

} // namespace

std::optional<Splitter> splitter_named(std::string_view name) {
  for (const auto& [known, splitter] : kNames) {
    if (known == name) {
      return splitter;
    }
  }
  return std::nullopt;
}

PieceEnd piece_end(Splitter splitter) {
  switch (splitter) {
  case Splitter::kGpt2:
    return gpt2_end<false>;
  case Splitter::kSmollm:
    return gpt2_end<true>;
  case Splitter::kLlama3:
  case Splitter::kGlm4:
    return llama3_end<3, false>;
  case Splitter::kQwen2:
    return llama3_end<1, false>;
  case Splitter::kQwen35:
    return llama3_end<1, true>;
  default:
    return none_end;
  }
}

} // namespace pensieve::bpe
