#include "bpe/rank_queue.hpp"

#include "bpe_tables.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <random>
#include <set>
#include <utility>

namespace pensieve::bpe {

TEST_CASE("the lowest rank comes first, and of that the leftmost place") {
  constexpr std::uint32_t kNumRanks = 5;
  std::mt19937 random(3);
  RankQueue queue;
  for (int round = 0; round < 50; ++round) {
    std::multiset<std::pair<std::uint32_t, std::uint32_t>> expected;
    queue.clear(kNumRanks);
    for (int step = 0; step < 400; ++step) {
      if (expected.empty() || below(random, 5) < 3) {
        const std::uint32_t rank = below(random, kNumRanks);
        const std::uint32_t place = below(random, 100);
        queue.push({rank, place});
        expected.emplace(rank, place);
      } else {
        const RankQueue::Item item = queue.pop();
        CHECK(std::pair(item.rank, item.place) == *expected.begin());
        expected.erase(expected.begin());
      }
      CHECK(queue.is_empty() == expected.empty());
    }
  }
}

TEST_CASE("a cleared queue is empty, and may have more ranks") {
  RankQueue queue;
  queue.clear(1);
  queue.push({0, 9});
  queue.push({0, 3});

  queue.clear(10);

  CHECK(queue.is_empty());
  queue.push({9, 1});
  CHECK(queue.pop().rank == 9);
}

} // namespace pensieve::bpe
