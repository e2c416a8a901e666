#include "bpe/merger.hpp"

#include "bpe_tables.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <random>
#include <vector>

namespace pensieve::bpe {

namespace {

using Symbols = std::vector<std::uint32_t>;

// Rescans the whole for each merge.
Symbols merged_plainly(Symbols symbols, const MergeTable& merges) {
  while (true) {
    RankedToken best;
    std::size_t best_place = 0;
    for (std::size_t place = 0; place + 1 < symbols.size(); ++place) {
      const RankedToken found = merges.find(symbols[place], symbols[place + 1]);
      if (found.rank < best.rank) {
        best = found;
        best_place = place;
      }
    }
    if (best.rank == kNoRank) {
      return symbols;
    }
    symbols[best_place] = best.id;
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(best_place) + 1);
  }
}

} // namespace

TEST_CASE("short and long pieces are merged as by rescanning the whole") {
  std::mt19937 random(7);
  Merger merger;
  for (int round = 0; round < 400; ++round) {
    const MergeTable merges(random_merges(random, below(random, 30)));
    Symbols symbols(below(random, 2 * Merger::kShort));
    for (std::uint32_t& symbol : symbols) {
      symbol = below(random, 3);
    }
    const Symbols expected = merged_plainly(symbols, merges);

    Symbols in_long = symbols;
    merger.merge_long(in_long, merges);
    CHECK(in_long == expected);
    if (symbols.size() <= Merger::kShort) {
      Symbols in_short = symbols;
      merger.merge_short(in_short, merges);
      CHECK(in_short == expected);
    }
    merger.merge(symbols, merges);
    CHECK(symbols == expected);
  }
}

TEST_CASE("a long run of one symbol is merged") {
  const MergeTable merges(std::vector<Merge>{{0, 0, 1}, {1, 1, 2}});
  Merger merger;
  Symbols symbols(100'003, 0);

  merger.merge(symbols, merges);

  Symbols expected(25'000, 2);
  expected.insert(expected.end(), {1, 0});
  CHECK(symbols == expected);
}

TEST_CASE("of equal pairs the last merge counts") {
  const MergeTable merges(std::vector<Merge>{{0, 1, 2}, {1, 0, 3}, {0, 1, 2}});

  CHECK(merges.find(0, 1).rank == 2);
  CHECK(merges.find(1, 0).rank == 1);
  CHECK(merges.find(1, 1).rank == kNoRank);
  CHECK(merges.made(1) == 3);
}

} // namespace pensieve::bpe
