#pragma once

#include "bpe/merge_table.hpp"

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace pensieve::bpe {

inline std::uint32_t below(std::mt19937& random, std::size_t end) {
  return static_cast<std::uint32_t>(random() % end);
}

// Merges of tokens 0, 1, … and of what they make, in an order of no meaning. Token
// numbers are small, so that the same ones meet often.
inline std::vector<Merge> random_merges(std::mt19937& random, std::size_t count) {
  std::uint32_t num_tokens = 3;
  std::vector<Merge> merges;
  while (merges.size() < count) {
    const std::uint32_t left = below(random, num_tokens);
    const std::uint32_t right = below(random, num_tokens);
    merges.push_back({left, right, num_tokens++});
  }
  for (std::size_t index = merges.size(); index > 1; --index) {
    std::swap(merges[index - 1], merges[below(random, index)]);
  }
  return merges;
}

} // namespace pensieve::bpe
