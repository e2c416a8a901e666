#include "bpe/encoder.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pensieve::bpe {

namespace {

using Ids = std::vector<std::uint32_t>;

// SentencePiece's space and letters; the bytes' tokens are from 100 on.
constexpr std::uint32_t kS = 0;
constexpr std::uint32_t kA = 1;
constexpr std::uint32_t kB = 2;
constexpr std::uint32_t kAB = 3;
constexpr std::uint32_t kSAB = 4;
constexpr std::uint32_t kUnknown = 5;
constexpr std::uint32_t kRaw = 6;
constexpr std::uint32_t kNormal = 7;

Description description() {
  Description made;
  made.tokens = {{"\u2581", kS}, {"a", kA}, {"b", kB}, {"ab", kAB}, {"\u2581ab", kSAB}};
  made.merges = {{kA, kB, kAB}, {kS, kAB, kSAB}};
  made.raw_tokens.push_back({"<x>", kRaw, false, false, false});
  return made;
}

Description with_bytes() {
  Description made = description();
  made.has_byte_tokens = true;
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    made.byte_tokens.at(byte) = 100 + byte;
  }
  return made;
}

Ids ids_of(const Description& description, std::string_view text,
           Steps steps = Steps::kAll) {
  const Encoder encoder(description);
  Ids ids;
  const std::optional<std::size_t> count = encoder.encode(text, steps, &ids);
  CHECK(count == ids.size());
  CHECK(encoder.encode(text, steps, nullptr) == count);
  return ids;
}

} // namespace

TEST_CASE("spaces are written as SentencePiece does, and what has no token as bytes") {
  Description made = with_bytes();
  made.replaces_spaces = true;
  CHECK(ids_of(made, "ab \u00e9") == Ids{kAB, kS, 100 + 0xC3, 100 + 0xA9});
  made.prepends = true;
  CHECK(ids_of(made, "ab ab") == Ids{kSAB, kSAB});
  made.replaces_spaces = false;
  CHECK(ids_of(made, "ab ab") == Ids{kSAB, 100 + ' ', kAB});
}

TEST_CASE("a metaspace goes before no text, the first, or every one") {
  Description made = with_bytes();
  made.is_metaspace = true;
  CHECK(ids_of(made, "ab<x>ab ab") == Ids{kAB, kRaw, kAB, kSAB});
  made.space_before = SpaceBefore::kFirstText;
  CHECK(ids_of(made, "ab<x>ab") == Ids{kSAB, kRaw, kAB});
  CHECK(ids_of(made, " ab") == Ids{kSAB});
  made.space_before = SpaceBefore::kEveryText;
  CHECK(ids_of(made, "ab<x>ab") == Ids{kSAB, kRaw, kSAB});
}

TEST_CASE("what has no token is unknown, alone or with its neighbours, or left out") {
  Description made = description();
  CHECK(ids_of(made, "a\u00e9\u00e9b\u00e9") == Ids{kAB}); // left out, then merged
  made.unknown = kUnknown;
  CHECK(ids_of(made, "a\u00e9\u00e9b\u00e9") ==
        Ids{kA, kUnknown, kUnknown, kB, kUnknown});
  made.fuses_unknown = true;
  CHECK(ids_of(made, "a\u00e9\u00e9b\u00e9") == Ids{kA, kUnknown, kB, kUnknown});
}

TEST_CASE("tokens of normalised text are found after the raw ones") {
  Description made = with_bytes();
  made.replaces_spaces = true;
  made.normalized_tokens.push_back({"\u2581\u2581", kNormal, false, false, false});
  CHECK(ids_of(made, "ab  b<x>") == Ids{kAB, kNormal, kB, kRaw});
  CHECK(ids_of(made, "ab\u2581\u2581<x>", Steps::kAfterNormalizing) ==
        Ids{kAB, kNormal, 100 + '<', 100 + 'x', 100 + '>'});
}

TEST_CASE("a text that holds a watched token has no encoding") {
  Description made = description();
  made.watched = {kAB};
  const Encoder encoder(made);
  CHECK(encoder.encode("ba", Steps::kAll, nullptr) == 2);
  CHECK(encoder.encode("bab", Steps::kAll, nullptr) == std::nullopt);
}

TEST_CASE("merges of byte tokens are made wherever they are") {
  Description made = with_bytes();
  made.merges.push_back({100 + 0xC3, 100 + 0xA9, kNormal});
  CHECK(ids_of(made, "ab\u00e9ab") == Ids{kAB, kNormal, kAB});
}

TEST_CASE("a piece that is a token is kept whole, short or long") {
  const std::string word(40, 'w');
  Description made;
  made.is_byte_level = true;
  made.splitter = Splitter::kGpt2;
  made.tokens = {{"w", 1}, {word, 2}, {word + "v", 3}, {" ", 4}};
  CHECK(ids_of(made, word) == Ids(40, 1));
  made.keeps_whole = true;
  CHECK(ids_of(made, word) == Ids{2});
  CHECK(ids_of(made, word + "v") == Ids{3});
  CHECK(ids_of(made, std::string(41, 'w')) == Ids(41, 1));
}

TEST_CASE("ids of added and watched tokens are checked, too") {
  Description wrong = description();
  wrong.raw_tokens.push_back({"<y>", UINT32_MAX, false, false, false});
  CHECK_THROWS_AS(Encoder{wrong}, std::invalid_argument);
  wrong = description();
  wrong.normalized_tokens.push_back({"<y>", UINT32_MAX, false, false, false});
  CHECK_THROWS_AS(Encoder{wrong}, std::invalid_argument);
  wrong = description();
  wrong.watched = {UINT32_MAX};
  CHECK_THROWS_AS(Encoder{wrong}, std::invalid_argument);
}

} // namespace pensieve::bpe
