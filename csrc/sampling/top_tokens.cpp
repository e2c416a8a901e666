#include "sampling/top_tokens.hpp"

#include <algorithm>
#include <limits>

namespace pensieve::sampling {

void TopTokens::begin(std::size_t top_k) {
  top_k_ = top_k;
  capacity_ = 2 * top_k + kBlockTokens;
  threshold_ = -std::numeric_limits<float>::infinity();
  candidates_.clear();
}

std::vector<Candidate>& TopTokens::finish() {
  if (candidates_.size() > top_k_) {
    keep_first();
  }
  return candidates_;
}

void TopTokens::keep_first() {
  const auto last = candidates_.begin() + static_cast<std::ptrdiff_t>(top_k_ - 1);
  std::ranges::nth_element(candidates_, last, is_before);
  threshold_ = last->x;
  candidates_.resize(top_k_);
}

} // namespace pensieve::sampling
