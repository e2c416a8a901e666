#pragma once

#include "bpe/description.hpp"
#include "bpe/token_table.hpp"

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace pensieve::bpe {

// The tokens that merging begins with: one for each byte or each character.
class Alphabet {
public:
  explicit Alphabet(const Description& description);

  // Appends those of `piece`.
  void symbols(std::string_view piece, std::vector<std::uint32_t>& ids) const;

  // Text may be cut without changing what has no token of its own.
  [[nodiscard]] bool is_complete() const { return is_byte_level_ || has_byte_tokens_; }

private:
  bool is_byte_level_;
  bool has_byte_tokens_;
  bool fuses_unknown_;
  std::uint32_t unknown_;
  std::array<std::uint32_t, 256> bytes_{}; // of bytes alone, or of byte tokens
  TokenTable characters_;
};

} // namespace pensieve::bpe
