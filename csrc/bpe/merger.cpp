#include "bpe/merger.hpp"

#include <algorithm>

namespace pensieve::bpe {

namespace {

constexpr std::uint32_t kNowhere = UINT32_MAX;

} // namespace

void Merger::merge(std::vector<std::uint32_t>& symbols, const MergeTable& merges) {
  if (symbols.size() <= kShort) {
    merge_short(symbols, merges);
  } else {
    merge_long(symbols, merges);
  }
}

void Merger::merge_short(std::vector<std::uint32_t>& symbols,
                         const MergeTable& merges) {
  std::size_t num_pairs = symbols.empty() ? 0 : symbols.size() - 1;
  for (std::size_t place = 0; place < num_pairs; ++place) {
    found_[place] = merges.find(symbols[place], symbols[place + 1]);
  }
  while (num_pairs != 0) {
    std::size_t best = 0;
    for (std::size_t place = 1; place < num_pairs; ++place) {
      best = found_[place].rank < found_[best].rank ? place : best;
    }
    if (found_[best].rank == kNoRank) {
      break;
    }
    symbols[best] = found_[best].id;
    for (std::size_t place = best + 1; place < num_pairs; ++place) {
      symbols[place] = symbols[place + 1];
      found_[place - 1] = found_[place];
    }
    --num_pairs;
    if (best < num_pairs) {
      found_[best] = merges.find(symbols[best], symbols[best + 1]);
    }
    if (best > 0) {
      found_[best - 1] = merges.find(symbols[best - 1], symbols[best]);
    }
  }
  symbols.resize(std::min(symbols.size(), num_pairs + 1));
}

void Merger::merge_long(std::vector<std::uint32_t>& symbols, const MergeTable& merges) {
  const auto size = static_cast<std::uint32_t>(symbols.size());
  symbols_.resize(size);
  queue_.clear(merges.num_ranks());
  for (std::uint32_t place = 0; place < size; ++place) {
    symbols_[place] = {symbols[place], place == 0 ? kNowhere : place - 1,
                       place + 1 == size ? kNowhere : place + 1};
    if (place > 0) {
      push(place - 1, place, merges);
    }
  }
  while (!queue_.is_empty()) {
    const auto [rank, place] = queue_.pop();
    const Symbol& symbol = symbols_[place];
    if (symbol.next == kNowhere) { // the last one, or merged into the one before it
      continue;
    }
    const RankedToken found = merges.find(symbol.id, symbols_[symbol.next].id);
    if (found.rank == rank) { // else one of the two is another by now
      merge_at(place, found.id, merges);
    }
  }
  symbols.clear();
  for (std::uint32_t place = 0; size != 0 && place != kNowhere;
       place = symbols_[place].next) {
    symbols.push_back(symbols_[place].id);
  }
}

std::size_t Merger::num_bytes() const {
  return symbols_.capacity() * sizeof(Symbol) + queue_.num_bytes();
}

void Merger::merge_at(std::uint32_t place, std::uint32_t made,
                      const MergeTable& merges) {
  Symbol& symbol = symbols_[place];
  Symbol& taken = symbols_[symbol.next];
  symbol.id = made;
  symbol.next = taken.next;
  taken.next = kNowhere;
  if (symbol.previous != kNowhere) {
    push(symbol.previous, place, merges);
  }
  if (symbol.next != kNowhere) {
    symbols_[symbol.next].previous = place;
    push(place, symbol.next, merges);
  }
}

void Merger::push(std::uint32_t left, std::uint32_t right, const MergeTable& merges) {
  const RankedToken found = merges.find(symbols_[left].id, symbols_[right].id);
  if (found.rank != kNoRank) {
    queue_.push({found.rank, left});
  }
}

} // namespace pensieve::bpe
