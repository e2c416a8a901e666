#pragma once

#include "sampling/kernels.hpp"
#include "sampling/noise.hpp"

#include <cmath>
#include <cstdint>

namespace pensieve::sampling {

struct Candidate {
  float x;
  std::uint32_t token;
  float weight; // exp(-gap); 0 for what min-p does not keep
};

// In the order of tokens: larger first, of equals the lower id.
inline bool is_before(const Candidate& one, const Candidate& other) {
  return one.x > other.x || (one.x == other.x && one.token < other.token);
}

// The token with the largest noise - gap among those that entered.
//
// A token with noise above t has a uniform variate below exp(-t), for 1 - exp(-z) <= z.
// So one that can overtake has word / 2^32 < exp(-key) * weight, and most are told off
// by a comparison, without a logarithm.
class Race {
public:
  // `first`, the first in the order of tokens, is kept by all filters.
  Race(const Scale& scale, const NoiseKey& noise, const Candidate& first)
      : scale_(scale), noise_(noise) {
    lead(first, key_of(first, word_of(first.token, noise)));
  }

  // What word / 2 has to be below, times its token's weight, for it to overtake. There
  // is room for what rounding may do to two keys.
  [[nodiscard]] float limit() const { return limit_; }

  // Whether not even the largest noise would let a token with this x overtake.
  [[nodiscard]] bool is_hopeless(float x) const {
    return kLargestNoise - gap_of(x, scale_) < key_;
  }

  [[nodiscard]] const Candidate& leader() const { return leader_; }

  void enter(const Candidate& candidate) {
    const std::uint32_t word = word_of(candidate.token, noise_);
    if (static_cast<float>(word >> 1U) < candidate.weight * limit_) {
      enter(candidate, word);
    }
  }

  void enter(const Candidate& candidate, std::uint32_t word) {
    const float key = key_of(candidate, word);
    if (key > key_ || (key == key_ && candidate.token < leader_.token)) {
      lead(candidate, key);
    }
  }

private:
  [[nodiscard]] float key_of(const Candidate& candidate, std::uint32_t word) const {
    return gumbel(word) - gap_of(candidate.x, scale_);
  }

  void lead(const Candidate& candidate, float key) {
    constexpr float kRoom = 1.0001F;
    leader_ = candidate;
    key_ = key;
    limit_ = 0x1p31F * kRoom * std::exp(-key);
  }

  Scale scale_;
  NoiseKey noise_;
  Candidate leader_{};
  float key_ = 0.0F;
  float limit_ = 0.0F;
};

} // namespace pensieve::sampling
