#include "bpe/piece_cache.hpp"

#include <algorithm>

namespace pensieve::bpe {

std::span<const std::uint32_t> PieceCache::find(std::string_view piece,
                                                TextKey key) const {
  if (piece.size() > kMaxBytes || entries_.empty()) {
    return {};
  }
  const Entry& entry = entries_[place_of(key)];
  if (entry.hash != key.hash >> 32U ||
      std::string_view(entry.piece.data(), entry.num_bytes) != piece) {
    return {};
  }
  return std::span(entry.token_ids).first(entry.num_tokens);
}

void PieceCache::insert(std::string_view piece, TextKey key,
                        std::span<const std::uint32_t> token_ids) {
  if (piece.empty() || piece.size() > kMaxBytes || token_ids.empty() ||
      token_ids.size() > kMaxTokens) {
    return;
  }
  if (entries_.empty()) {
    entries_.resize(kNumEntries);
  }
  Entry& entry = entries_[place_of(key)];
  std::ranges::copy(piece, entry.piece.begin());
  std::ranges::copy(token_ids, entry.token_ids.begin());
  entry.hash = static_cast<std::uint32_t>(key.hash >> 32U);
  entry.num_bytes = static_cast<std::uint8_t>(piece.size());
  entry.num_tokens = static_cast<std::uint8_t>(token_ids.size());
}

} // namespace pensieve::bpe
