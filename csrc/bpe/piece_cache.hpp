#pragma once

#include "bpe/token_table.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace pensieve::bpe {

// Tokens of short pieces that were merged before. Each piece has one entry of 64 bytes
// that it can be in, and drives out the one that is there. One thread at a time.
class PieceCache {
public:
  static constexpr std::size_t kMaxBytes = 32;
  static constexpr std::size_t kMaxTokens = 6;
  static constexpr std::size_t kNumEntries = 1U << 15U;

  // Empty if it is not known; a piece that is has at least one token.
  [[nodiscard]] std::span<const std::uint32_t> find(std::string_view piece,
                                                    TextKey key) const;

  // Does nothing if there is too much of either.
  void insert(std::string_view piece, TextKey key,
              std::span<const std::uint32_t> token_ids);

  [[nodiscard]] std::size_t num_bytes() const {
    return entries_.capacity() * sizeof(Entry);
  }

private:
  struct Entry {
    std::array<char, kMaxBytes> piece;
    std::array<std::uint32_t, kMaxTokens> token_ids;
    std::uint32_t hash;
    std::uint8_t num_bytes; // 0: free
    std::uint8_t num_tokens;
  };

  static std::size_t place_of(TextKey key) { return key.hash & (kNumEntries - 1); }

  std::vector<Entry> entries_; // none before the first `insert`
};

} // namespace pensieve::bpe
