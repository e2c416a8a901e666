#pragma once

#include "sampling/race.hpp"

#include <cstddef>
#include <vector>

namespace pensieve::sampling {

// The first k tokens in the order of tokens, of a row whose tokens come by their ids.
//
// It gathers what may be among them; when it has gathered enough, all but k are sent
// away. Then only what is larger than the last of these can come in: of equals those
// with lower ids are there already.
class TopTokens {
public:
  // top_k: at least 1. Memory is kept from row to row.
  void begin(std::size_t top_k);

  // What only larger ones may enter for.
  [[nodiscard]] float threshold() const { return threshold_; }

  void enter(float x, std::size_t token) {
    if (candidates_.size() == capacity_) {
      keep_first();
    }
    candidates_.push_back({x, static_cast<std::uint32_t>(token), 0.0F});
  }

  // At most k, in some order that depends on the row alone; without -inf.
  std::vector<Candidate>& finish();

private:
  void keep_first();

  std::size_t top_k_ = 0;
  std::size_t capacity_ = 0;
  float threshold_ = 0.0F;
  std::vector<Candidate> candidates_;
};

} // namespace pensieve::sampling
