#pragma once

#include "bpe/merge_table.hpp"
#include "bpe/rank_queue.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace pensieve::bpe {

// Merges neighbours until no pair of them has a merge: the pair of lowest rank first,
// of equal ranks the leftmost. Keeps its working memory; one thread at a time.
class Merger {
public:
  // A piece of up to so many symbols is merged by scanning it for each merge.
  static constexpr std::size_t kShort = 48;

  void merge(std::vector<std::uint32_t>& symbols, const MergeTable& merges);

  // The two ways, for pieces of any size that `merge` would send them.
  void merge_short(std::vector<std::uint32_t>& symbols, const MergeTable& merges);
  void merge_long(std::vector<std::uint32_t>& symbols, const MergeTable& merges);

  [[nodiscard]] std::size_t num_bytes() const;

private:
  struct Symbol {
    std::uint32_t id;
    std::uint32_t previous; // places of its neighbours; kNowhere at the ends
    std::uint32_t next;
    std::uint32_t rank; // of its merge with the next one; kNoRank: there is none
  };

  void merge_at(std::uint32_t place, const MergeTable& merges);
  [[nodiscard]] std::uint32_t rank_at(std::uint32_t place,
                                      const MergeTable& merges) const;
  void push_if_first(std::uint32_t place);

  std::array<RankedToken, kShort> found_{}; // of each symbol and the next one
  std::vector<Symbol> symbols_;
  RankQueue queue_;
};

} // namespace pensieve::bpe
