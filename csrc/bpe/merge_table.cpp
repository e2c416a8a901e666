#include "bpe/merge_table.hpp"

namespace pensieve::bpe {

MergeTable::MergeTable(std::span<const Merge> merges)
    : slots_(table_size(merges.size())), shift_(table_shift(slots_.size())) {
  made_.reserve(merges.size());
  std::uint32_t rank = 0;
  for (const Merge& merge : merges) {
    const std::uint64_t pair = pair_of(merge.left, merge.right);
    std::size_t place = mixed(pair) >> shift_;
    while (slots_[place].pair != pair && slots_[place].merge.rank != kNoRank) {
      place = (place + 1) & (slots_.size() - 1);
    }
    slots_[place] = {pair, {rank, merge.made}};
    made_.push_back(merge.made);
    ++rank;
  }
}

} // namespace pensieve::bpe
