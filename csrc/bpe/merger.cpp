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
                       place + 1 == size ? kNowhere : place + 1, kNoRank};
    if (place > 0) {
      symbols_[place - 1].rank = merges.find(symbols[place - 1], symbols[place]).rank;
    }
  }
  for (std::uint32_t place = 0; place < size; ++place) {
    push_if_first(place);
  }
  while (!queue_.is_empty()) {
    const auto [rank, place] = queue_.pop();
    if (symbols_[place].rank == rank) { // else it, or the next one, is another by now
      merge_at(place, merges);
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

void Merger::merge_at(std::uint32_t place, const MergeTable& merges) {
  Symbol& symbol = symbols_[place];
  Symbol& taken = symbols_[symbol.next];
  const std::uint32_t taken_rank = taken.rank;
  symbol.id = merges.made(symbol.rank);
  symbol.next = taken.next;
  symbol.rank = rank_at(place, merges);
  taken.rank = kNoRank;
  if (symbol.previous != kNowhere) {
    Symbol& previous = symbols_[symbol.previous];
    const std::uint32_t old_rank = previous.rank;
    previous.rank = rank_at(symbol.previous, merges);
    push_if_first(symbol.previous);
    // The one before that waits already, if it went before the old rank.
    if (previous.previous != kNowhere && old_rank < symbols_[previous.previous].rank) {
      push_if_first(previous.previous);
    }
  }
  push_if_first(place);
  if (symbol.next != kNowhere) {
    Symbol& next = symbols_[symbol.next];
    next.previous = place;
    if (taken_rank <= next.rank) { // else it waits already
      push_if_first(symbol.next);
    }
  }
}

std::uint32_t Merger::rank_at(std::uint32_t place, const MergeTable& merges) const {
  const Symbol& symbol = symbols_[place];
  return symbol.next == kNowhere
             ? kNoRank
             : merges.find(symbol.id, symbols_[symbol.next].id).rank;
}

// Waits for the merge of a symbol and the next one, if it goes before those of its
// neighbours. Of others it need not be known yet: the first of all is among these.
void Merger::push_if_first(std::uint32_t place) {
  const Symbol& symbol = symbols_[place];
  if (symbol.rank != kNoRank &&
      (symbol.previous == kNowhere || symbols_[symbol.previous].rank > symbol.rank) &&
      (symbol.next == kNowhere || symbols_[symbol.next].rank >= symbol.rank)) {
    queue_.push({symbol.rank, place});
  }
}

} // namespace pensieve::bpe
