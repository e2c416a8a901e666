#pragma once

#include "bpe/hash.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace pensieve::bpe {

inline constexpr std::uint32_t kNoRank = UINT32_MAX;

// The token that two neighbours become.
struct Merge {
  std::uint32_t left;
  std::uint32_t right;
  std::uint32_t made;
};

struct RankedToken {
  std::uint32_t rank = kNoRank; // lower ones are merged first; kNoRank: no merge
  std::uint32_t id = 0;
};

// (left, right) → rank and token. Never changed once it is built.
class MergeTable {
public:
  // A merge's rank is its place; of equal pairs the last one counts.
  explicit MergeTable(std::span<const Merge> merges = {});

  [[nodiscard]] RankedToken find(std::uint32_t left, std::uint32_t right) const {
    const std::uint64_t pair = pair_of(left, right);
    std::size_t place = mixed(pair) >> shift_;
    while (slots_[place].pair != pair && slots_[place].merge.rank != kNoRank) {
      place = (place + 1) & (slots_.size() - 1);
    }
    return slots_[place].merge;
  }

  // The token that the merge of this rank makes.
  [[nodiscard]] std::uint32_t made(std::uint32_t rank) const { return made_[rank]; }

  [[nodiscard]] std::size_t num_ranks() const { return made_.size(); }

private:
  struct Slot {
    std::uint64_t pair = UINT64_MAX; // of two ids that no token has
    RankedToken merge;
  };

  static std::uint64_t pair_of(std::uint32_t left, std::uint32_t right) {
    return static_cast<std::uint64_t>(left) << 32U | right;
  }

  std::vector<Slot> slots_;
  unsigned shift_;
  std::vector<std::uint32_t> made_;
};

} // namespace pensieve::bpe
