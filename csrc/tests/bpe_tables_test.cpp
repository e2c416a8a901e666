#include "bpe/cuts.hpp"
#include "bpe/piece_cache.hpp"
#include "bpe/token_table.hpp"

#include "bpe_tables.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <map>
#include <random>
#include <span>
#include <string>

namespace pensieve::bpe {

namespace {

// Of few letters, zero bytes among them, so that many begin alike.
std::string random_text(std::mt19937& random, std::size_t max_size) {
  constexpr std::array kLetters{'a', 'b', '\0', '\xff'};
  std::string text(below(random, max_size + 1), ' ');
  for (char& letter : text) {
    letter = kLetters[below(random, kLetters.size())];
  }
  return text;
}

} // namespace

TEST_CASE("a table finds what was put in and nothing else") {
  std::mt19937 random(1);
  constexpr std::size_t kCount = 3000;
  TokenTable table(kCount);
  std::map<std::string, std::uint32_t> expected;
  for (std::uint32_t id = 0; id < kCount; ++id) {
    const std::string text = random_text(random, 20);
    table.insert(text, id);
    if (!text.empty()) {
      expected.emplace(text, id); // the first id counts
    }
  }
  for (int round = 0; round < 20'000; ++round) {
    const std::string text = random_text(random, 20);
    const auto found = expected.find(text);
    CHECK(table.find(text) == (found == expected.end() ? kNoToken : found->second));
  }
}

TEST_CASE("an empty table finds nothing") {
  CHECK(TokenTable().find("a") == kNoToken);
  CHECK(TokenTable().find("") == kNoToken);
}

TEST_CASE("a cache has the tokens of a piece, or nothing, and stays as small") {
  std::mt19937 random(2);
  PieceCache cache;
  CHECK(cache.num_bytes() == 0);
  std::size_t num_known = 0;
  for (std::uint32_t round = 0; round < 100'000; ++round) {
    const std::string piece = random_text(random, PieceCache::kMaxBytes + 2);
    const TextKey key = key_of(piece);
    const auto size = static_cast<std::uint32_t>(piece.size());
    const std::array<std::uint32_t, 2> token_ids{size, 7};
    const auto known = cache.find(piece, key);
    if (!known.empty()) {
      ++num_known;
      CHECK(known.size() == 2);
      CHECK(known.front() == size);
    }
    cache.insert(piece, key, token_ids);
    CHECK(cache.find(piece, key).empty() ==
          (piece.empty() || piece.size() > PieceCache::kMaxBytes));
  }
  CHECK(num_known > 100);
  CHECK(cache.num_bytes() == PieceCache::kNumEntries * 64);
}

TEST_CASE("a piece of more tokens than an entry has room for is not kept") {
  PieceCache cache;
  const std::array<std::uint32_t, PieceCache::kMaxTokens + 1> token_ids{};

  cache.insert("a", key_of("a"), token_ids);
  CHECK(cache.find("a", key_of("a")).empty());
  cache.insert("a", key_of("a"), std::span(token_ids).first(PieceCache::kMaxTokens));
  CHECK(cache.find("a", key_of("a")).size() == PieceCache::kMaxTokens);
}

TEST_CASE("text is cut where no merge has its seam") {
  Cuts cuts;
  cuts.add_merge("a", "b");
  cuts.add_merge("xb", "\u65e5y");

  CHECK(cuts.part_end("abab", 0) == 2);
  CHECK(cuts.part_end("aab", 0) == 1);
  CHECK(cuts.part_end("aab", 1) == 3);
  CHECK(cuts.part_end("ab\u65e5\u65e5", 0) == 5);
  CHECK(cuts.part_end("ab\u65e5\u65e5", 5) == 8);
  CHECK(cuts.part_end("b", 0) == 1);
}

} // namespace pensieve::bpe
