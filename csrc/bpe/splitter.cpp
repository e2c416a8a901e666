#include "bpe/splitter.hpp"

#include "bpe/pattern_parts.hpp"
#include "bpe/unicode.hpp"

#include <array>
#include <utility>

namespace pensieve::bpe {

namespace {

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

// The end of `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+`; `start`
// where there is none.
std::size_t cased_word_end(std::string_view text, std::size_t start) {
  std::size_t both_end = start; // of the last character that is in both sets
  std::size_t place = start;
  for (;;) {
    const Character character = character_at(text, place);
    if (character.char_class == kLower) {
      return skip<kSmall>(text, place + character.size);
    }
    if (!contains(kCapitals, character.char_class)) {
      return both_end;
    }
    place += character.size;
    if (contains(kSmall, character.char_class)) {
      both_end = place;
    }
  }
}

//   [^\r\n\p{L}\p{N}]?CAPITALS*SMALL+CONTRACTION?
//   |[^\r\n\p{L}\p{N}]?CAPITALS+SMALL*CONTRACTION?|\p{N}{1,kMaxNumbers}
//   | ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+
// CAPITALS and SMALL are the sets above; CONTRACTION only where kContractions.
template <int kMaxNumbers, bool kContractions>
std::size_t cased_end(std::string_view text, std::size_t start) {
  constexpr ClassSet kRest = kEverything & ~(kWhitespace | kLetters | kNumbers);
  const auto with_contraction = [&](std::size_t end) {
    const bool is_apart = kContractions && end < text.size() && text[end] == '\'';
    return is_apart ? contraction_end<true>(text, end) : end;
  };

  const Character first = character_at(text, start);
  std::size_t place = start + first.size;
  if (contains(kLetters, first.char_class)) {
    const std::size_t end = cased_word_end(text, start);
    return with_contraction(end != start ? end : skip<kCapitals>(text, place));
  }
  if (first.char_class == kNumber) {
    return number_end<kMaxNumbers>(text, place);
  }
  if (first.char_class != kNewline) {
    std::size_t end = cased_word_end(text, place);
    // A mark that goes before no such word is one itself, before it goes before
    // capitals.
    if (end == place && !contains(kMarks, first.char_class)) {
      end = skip<kCapitals>(text, place);
    }
    if (end != place || contains(kMarks, first.char_class)) {
      return with_contraction(end);
    }
  }
  const Character second = character_at(text, place);
  if (first.char_class == kSpace && contains(kRest, second.char_class)) {
    place += second.size;
  } else if (!contains(kRest, first.char_class)) {
    return whitespace_end<true, 0>(text, start);
  }
  place = skip<kRest>(text, place);
  while (place < text.size() && is_newline_or_slash(text[place])) {
    ++place;
  }
  return place;
}

//   \p{N}{1,3}, then [一-龥぀-ゟ゠-ヿ]+, then in these and in what is between:
//   [!-/:-@\[-`{-~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+
//   | ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
// What none of these matches is a piece as well.
template <bool kIsCjk>
std::size_t deepseek_v3_word_end(std::string_view text, std::size_t start) {
  constexpr ClassSet kWord = kIsCjk ? class_set(kCjkLetter, kCjkMark)
                                    : class_set(kUpper, kLower, kLetter, kMark);
  constexpr ClassSet kSymbols =
      kIsCjk ? class_set(kCjkSymbol) : class_set(kSymbol, kApostrophe);
  constexpr ClassSet kUnmatched =
      kIsCjk ? class_set(kCjkOther) : class_set(kOther, kLateNumber);
  constexpr ClassSet kLineEnds = kIsCjk ? 0 : kNewlines;

  const Character first = character_at(text, start);
  std::size_t place = start + first.size;
  if (contains(kWord, first.char_class)) {
    return skip<kWord>(text, place);
  }
  Character second = character_at(text, place);
  if (contains(kSymbols, first.char_class)) {
    const bool is_ascii = first.size == 1 && second.size == 1;
    if (is_ascii && contains(kLetters, second.char_class)) {
      return skip_ascii_letters(text, place);
    }
    return skip<kLineEnds>(text, skip<kSymbols>(text, place));
  }
  if (first.char_class != kNewline && contains(kWord, second.char_class)) {
    return skip<kWord>(text, place + second.size);
  }
  if (first.char_class == kSpace && contains(kSymbols, second.char_class)) {
    return skip<kLineEnds>(text, skip<kSymbols>(text, place + second.size));
  }
  if (!contains(kUnmatched, first.char_class)) {
    return whitespace_end<true, kCjk | kNumbers>(text, start);
  }
  // Up to where a match begins: the last such character may be a word's first.
  while (contains(kUnmatched, second.char_class)) {
    const Character third = character_at(text, place + second.size);
    if (contains(kWord, third.char_class)) {
      break;
    }
    place += second.size;
    second = third;
  }
  return place;
}

std::size_t deepseek_v3_end(std::string_view text, std::size_t start) {
  const Character first = character_at(text, start);
  if (first.char_class == kNumber) {
    return number_end<3>(text, start + first.size);
  }
  return contains(kCjk, first.char_class) ? deepseek_v3_word_end<true>(text, start)
                                          : deepseek_v3_word_end<false>(text, start);
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
  case Splitter::kDeepseekV3:
    return deepseek_v3_end;
  case Splitter::kO200k:
    return cased_end<3, true>;
  case Splitter::kTekken:
    return cased_end<1, false>;
  case Splitter::kNone:
    break;
  }
  return none_end;
}

} // namespace pensieve::bpe
