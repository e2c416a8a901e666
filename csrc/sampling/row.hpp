#pragma once

#include "sampling/kernels.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace pensieve::sampling {

enum class Dtype : std::uint8_t { kFloat32, kFloat16, kBfloat16 };

// One row as the caller has it; nothing is copied. What is nullptr it does not have.
struct RowView {
  const void* logits;
  Dtype dtype;
  std::size_t vocab_size; // at least one
  const std::uint32_t* history;
  const float* bias;
  const std::uint32_t* mask; // (vocab_size + 31) / 32 words
  Penalties penalties;
};

// The float32 that is left of a row's logits, in blocks of kBlockTokens; behind the
// last token -inf. float32 that nothing is done to stays where it is.
class Row {
public:
  // Borrows the view's memory until the next call. Allocates for a larger vocabulary
  // than any before, else never.
  void read(const RowView& view, const Kernels& kernels);

  [[nodiscard]] std::size_t num_blocks() const { return num_blocks_; }
  [[nodiscard]] std::size_t num_padded() const { return num_blocks_ * kBlockTokens; }

  [[nodiscard]] const float* block(std::size_t index) const {
    return index < num_direct_ ? direct_ + index * kBlockTokens
                               : made_.data() + (index - num_direct_) * kBlockTokens;
  }

  [[nodiscard]] float at(std::size_t token) const {
    return block(token / kBlockTokens)[token % kBlockTokens];
  }

private:
  void make_block(const RowView& view, const Kernels& kernels, std::size_t index);

  const float* direct_ = nullptr;
  std::size_t num_direct_ = 0; // blocks that are read where they are
  std::size_t num_blocks_ = 0;
  std::vector<float> made_; // those that are not
};

} // namespace pensieve::sampling
