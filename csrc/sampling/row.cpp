#include "sampling/row.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

namespace pensieve::sampling {

namespace {

// Items of a block: where they are, or, of a block that is not whole, a padded copy.
template <typename Item, std::size_t kSize = kBlockTokens> class Items {
public:
  const Item* of(const Item* items, std::size_t num_items) {
    if (num_items >= kSize) {
      return items;
    }
    std::memcpy(padded_.data(), items, num_items * sizeof(Item));
    return padded_.data();
  }

private:
  std::array<Item, kSize> padded_{};
};

template <typename Item> const Item* from(const void* row, std::size_t token) {
  return static_cast<const Item*>(row) + token;
}

} // namespace

void Row::read(const RowView& view, const Kernels& kernels) {
  const bool is_read_only = view.dtype == Dtype::kFloat32 && view.history == nullptr &&
                            view.bias == nullptr && view.mask == nullptr;
  direct_ = from<float>(view.logits, 0);
  num_blocks_ = (view.vocab_size + kBlockTokens - 1) / kBlockTokens;
  num_direct_ = is_read_only ? view.vocab_size / kBlockTokens : 0;
  const std::size_t num_made = (num_blocks_ - num_direct_) * kBlockTokens;
  if (made_.size() < num_made) {
    made_.resize(num_made);
  }
  for (std::size_t index = num_direct_; index < num_blocks_; ++index) {
    make_block(view, kernels, index);
  }
}

void Row::make_block(const RowView& view, const Kernels& kernels, std::size_t index) {
  const std::size_t token = index * kBlockTokens;
  const std::size_t size = std::min(kBlockTokens, view.vocab_size - token);
  float* x = made_.data() + (index - num_direct_) * kBlockTokens;
  if (view.dtype == Dtype::kFloat32) {
    std::memcpy(x, from<float>(view.logits, token), size * sizeof(float));
  } else {
    Items<std::uint16_t> halves;
    const auto widen =
        view.dtype == Dtype::kFloat16 ? kernels.from_float16 : kernels.from_bfloat16;
    widen(halves.of(from<std::uint16_t>(view.logits, token), size), x);
  }
  // What is left of an earlier row in a block that is not whole is not looked at.
  if (view.bias != nullptr) {
    Items<float> bias;
    kernels.add(bias.of(view.bias + token, size), x);
  }
  if (view.history != nullptr) {
    Items<std::uint32_t> history;
    kernels.penalise(history.of(view.history + token, size), view.penalties, x);
  }
  if (view.mask != nullptr) {
    Items<std::uint32_t, kMaskWords> mask;
    kernels.hide(mask.of(view.mask + token / 32, (size + 31) / 32), x);
  }
  std::fill(x + size, x + kBlockTokens, -std::numeric_limits<float>::infinity());
}

} // namespace pensieve::sampling
