#include "bpe/splitter.hpp"

#include <doctest/doctest.h>

#include <array>
#include <random>
#include <string>
#include <vector>

namespace pensieve::bpe {

namespace {

using Pieces = std::vector<std::string>;

constexpr std::array kSplitters = {
    Splitter::kGpt2,   Splitter::kSmollm,     Splitter::kLlama3, Splitter::kQwen2,
    Splitter::kQwen35, Splitter::kDeepseekV3, Splitter::kO200k,  Splitter::kGlm4,
    Splitter::kTekken, Splitter::kNone,
};

// Copies the text to memory of just its size, so that the sanitizer sees a read beyond.
Pieces pieces(Splitter splitter, const std::string& content) {
  const std::vector<char> exact(content.begin(), content.end());
  const std::string_view text(exact.data(), exact.size());
  const PieceEnd end_of = piece_end(splitter);
  Pieces found;
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = end_of(text, start);
    if (end <= start || end > text.size()) {
      FAIL("a piece from ", start, " to ", end, " of ", text.size());
    }
    found.emplace_back(text.substr(start, end - start));
    start = end;
  }
  return found;
}

} // namespace

TEST_CASE("an empty text has no pieces, and a character is one") {
  for (const Splitter splitter : kSplitters) {
    CHECK(pieces(splitter, "").empty());
    for (const std::string character :
         {"a", "A", "1", " ", "\n", "'", "!", "\xC3\xA9", "\xE6\xBC\xA2",
          "\xF0\x9F\x98\x80", "\xCC\x81", "\xE2\x80\x8B", "\xE3\x83\xBB"}) {
      CHECK(pieces(splitter, character) == Pieces{character});
    }
  }
}

TEST_CASE("GPT-2 keeps a space with what follows, and the last of many") {
  CHECK(pieces(Splitter::kGpt2, "I'm  here, 123abc!\n\n x ") ==
        Pieces{"I", "'m", " ", " here", ",", " 123", "abc", "!", "\n\n", " x", " "});
  CHECK(pieces(Splitter::kGpt2, "I'M") == Pieces{"I", "'", "M"});
}

TEST_CASE("SmolLM has each digit apart, and no space with it") {
  CHECK(pieces(Splitter::kSmollm, "a  12 b") == Pieces{"a", "  ", "1", "2", " b"});
  // A number that Digits knows and the pattern does not, yet: U+11DE0.
  CHECK(pieces(Splitter::kSmollm, " \xF0\x91\xB7\xA0!") ==
        Pieces{" ", "\xF0\x91\xB7\xA0", "!"});
}

TEST_CASE("Llama 3 has three digits, line ends with what is before, any sign before") {
  CHECK(
      pieces(Splitter::kLlama3, "I'LL 12345 (x)\n\n  y\t\tz") ==
      Pieces{"I", "'LL", " ", "123", "45", " (", "x", ")\n\n", " ", " y", "\t", "\tz"});
  CHECK(pieces(Splitter::kLlama3, "  \n \n  ") == Pieces{"  \n \n", "  "});
  // The long s of U+017F is an s where case does not matter.
  CHECK(pieces(Splitter::kLlama3, "'\xC5\xBFx") == Pieces{"'\xC5\xBF", "x"});
}

TEST_CASE("Qwen has single digits; from 3.5 on marks go with letters") {
  const std::string hindi = "\xE0\xA4\xB9\xE0\xA4\xBF\xE0\xA4\xA8"; // a mark between
  CHECK(pieces(Splitter::kQwen2, "12" + hindi) ==
        Pieces{"1", "2", "\xE0\xA4\xB9", "\xE0\xA4\xBF\xE0\xA4\xA8"});
  CHECK(pieces(Splitter::kQwen35, "12" + hindi) == Pieces{"1", "2", hindi});
}

TEST_CASE("o200k and Tekken part words where small letters end") {
  CHECK(pieces(Splitter::kO200k, "camelCase HTTPServer don'T a//\n/b 1234") ==
        Pieces{"camel", "Case", " HTTPServer", " don'T", " a", "//\n/", "b", " ", "123",
               "4"});
  CHECK(pieces(Splitter::kTekken, "don't 12") == Pieces{"don", "'t", " ", "1", "2"});
  // A mark alone is a word that ends before capitals.
  CHECK(pieces(Splitter::kO200k, "\xCC\x81\x41\x42") == Pieces{"\xCC\x81", "AB"});
}

TEST_CASE("DeepSeek V3 parts Chinese and Japanese, and what nothing matches") {
  CHECK(pieces(Splitter::kDeepseekV3, "a\xE6\xBC\xA2 1234 #include\n") ==
        Pieces{"a", "\xE6\xBC\xA2", " ", "123", "4", " #", "include", "\n"});
  CHECK(pieces(Splitter::kDeepseekV3, "#include (x)\n") ==
        Pieces{"#include", " (", "x", ")\n"});
  // The third pattern sees the katakana dot as a sign, with no line end in its part.
  CHECK(pieces(Splitter::kDeepseekV3, "\xE3\x82\xAB\xE3\x83\xBB\n") ==
        Pieces{"\xE3\x82\xAB", "\xE3\x83\xBB", "\n"});
  const std::string controls = "\x01\x02\x03";
  CHECK(pieces(Splitter::kDeepseekV3, controls + "a") ==
        Pieces{"\x01\x02", "\x03\x61"});
  CHECK(pieces(Splitter::kDeepseekV3, controls + "!") == Pieces{controls, "!"});
}

TEST_CASE("no bytes lead outside of the text, whether they are UTF-8 or not") {
  constexpr std::array<std::string_view, 24> kParts = {"'",
                                                       "s",
                                                       "LL",
                                                       " ",
                                                       "\n",
                                                       "\r",
                                                       "a",
                                                       "B",
                                                       "1",
                                                       "!",
                                                       "/",
                                                       "\xCC\x81",
                                                       "\xE6\xBC\xA2",
                                                       "\xE3\x83\xBB",
                                                       "\x01",
                                                       "\xC5\xBF",
                                                       "\xC5",
                                                       "\xE3\x83",
                                                       "\xF0\x9F",
                                                       "\x80",
                                                       "\xFF",
                                                       "\xF8",
                                                       "\xF7\xBF\xBF\xBF",
                                                       "\xED\xA0\x80"};
  std::mt19937 random(7); // the same texts in every run
  for (int round = 0; round < 10'000; ++round) {
    std::string text;
    for (std::size_t count = random() % 12; count > 0; --count) {
      text += kParts.at(random() % kParts.size());
    }
    for (const Splitter splitter : kSplitters) {
      std::string joined;
      for (const std::string& piece : pieces(splitter, text)) {
        joined += piece;
      }
      if (joined != text) {
        FAIL("not the text: ", joined);
      }
    }
  }
}

TEST_CASE("splitters are known by their names") {
  CHECK(splitter_named("gpt2") == Splitter::kGpt2);
  CHECK(splitter_named("tekken") == Splitter::kTekken);
  CHECK(splitter_named("GPT-2") == std::nullopt);
  CHECK(splitter_named("") == std::nullopt);
}

} // namespace pensieve::bpe
