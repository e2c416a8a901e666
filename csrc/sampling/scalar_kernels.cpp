#include "sampling/exp_terms.hpp"
#include "sampling/instruction_sets.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <limits>

// The kernels token by token. Sums are made in the order in which eight lanes make
// them, and each operation is rounded as theirs is: the results are the same bits.

namespace pensieve::sampling {

namespace {

constexpr std::size_t kLanes = 8;

using Sums = std::array<float, kLanes>;

double sum(const Sums& lanes) {
  std::array<double, kLanes> wide{};
  std::ranges::copy(lanes, wide.begin());
  return ((wide[0] + wide[1]) + (wide[2] + wide[3])) +
         ((wide[4] + wide[5]) + (wide[6] + wide[7]));
}

template <typename IsHit> Hits hits_where(IsHit is_hit) {
  Hits hits{};
  for (std::size_t i = 0; i < kBlockTokens; ++i) {
    hits.at(i / 64) |= std::uint64_t{is_hit(i)} << (i % 64);
  }
  return hits;
}

float weight(float gap) {
  if (!(gap < kFurthestGap)) {
    return 0.0F;
  }
  const float rounded = std::nearbyint(gap * -kLog2E);
  const float r = (rounded * -kLog2Front - gap) - rounded * kLog2Back;
  float power = 0.0F;
  for (const float term : kExpTerms) {
    power = power * r + term;
  }
  return std::ldexp(power * (r * r) + r + 1.0F, static_cast<int>(rounded));
}

float widened(std::uint16_t bits) {
  const std::uint32_t half = bits;
  const std::uint32_t exponent = (half >> 10U) & 0x1FU;
  const std::uint32_t fraction = half & 0x3FFU;
  const std::uint32_t sign = (half & 0x8000U) << 16U;
  if (exponent == 0x1F) {
    return std::bit_cast<float>(sign | 0x7F800000U | (fraction << 13U));
  }
  const std::uint32_t hidden = exponent == 0 ? 0 : 0x400;
  const int power = static_cast<int>(exponent == 0 ? 1 : exponent) - 25;
  const float size = std::ldexp(static_cast<float>(hidden | fraction), power);
  return sign != 0 ? -size : size;
}

void from_float16(const std::uint16_t* logits, float* x) {
  std::transform(logits, logits + kBlockTokens, x, widened);
}

void from_bfloat16(const std::uint16_t* logits, float* x) {
  std::transform(logits, logits + kBlockTokens, x, [](std::uint16_t half) {
    return std::bit_cast<float>(std::uint32_t{half} << 16U);
  });
}

void add(const float* bias, float* x) {
  std::transform(x, x + kBlockTokens, bias, x, std::plus<>());
}

void penalise(const std::uint32_t* history, const Penalties& penalties, float* x) {
  for (std::size_t i = 0; i < kBlockTokens; ++i) {
    if (history[i] == 0) {
      continue;
    }
    const auto count = static_cast<float>(history[i] >> 1U);
    x[i] *= x[i] > 0.0F ? penalties.inv_repetition : penalties.repetition;
    x[i] -= penalties.frequency * count;
    x[i] -= count > 0.0F ? penalties.presence : 0.0F;
  }
}

void hide(const std::uint32_t* mask, float* x) {
  for (std::size_t i = 0; i < kBlockTokens; ++i) {
    if (((mask[i / 32] >> (i % 32)) & 1U) == 0) {
      x[i] = -std::numeric_limits<float>::infinity();
    }
  }
}

Peak peak(const float* x) {
  Peak found{-std::numeric_limits<float>::infinity(), false};
  for (std::size_t i = 0; i < kBlockTokens; ++i) {
    found.has_nan = found.has_nan || std::isnan(x[i]);
    found.largest = x[i] > found.largest ? x[i] : found.largest;
  }
  return found;
}

double weigh(const float* x, const Scale& scale, float* weights) {
  Sums sums{};
  for (std::size_t i = 0; i < kBlockTokens; ++i) {
    const float gap = gap_of(x[i], scale);
    const float each = weight(gap);
    sums.at(i % kLanes) += each;
    weights[i] = gap <= scale.min_gap ? each : 0.0F;
  }
  return sum(sums);
}

void words(std::uint32_t first_block, const NoiseKey& key, std::uint32_t* words) {
  for (std::uint32_t block = 0; block < kBlockTokens / 4; ++block) {
    std::ranges::copy(block_words(first_block + block, key),
                      words + std::size_t{4} * block);
  }
}

Hits contenders(const std::uint32_t* words, const float* weights, float limit) {
  return hits_where([=](std::size_t i) {
    return static_cast<float>(words[i] >> 1U) < weights[i] * limit;
  });
}

Hits above(const float* x, float pivot) {
  return hits_where([=](std::size_t i) { return x[i] > pivot; });
}

double mass_above(const float* x, const float* weights, float pivot) {
  Sums sums{};
  for (std::size_t i = 0; i < kBlockTokens; ++i) {
    sums.at(i % kLanes) += x[i] > pivot ? weights[i] : 0.0F;
  }
  return sum(sums);
}

void keep_above(const float* x, float pivot, float* weights) {
  for (std::size_t i = 0; i < kBlockTokens; ++i) {
    weights[i] = x[i] > pivot ? weights[i] : 0.0F;
  }
}

constexpr Kernels kScalarKernels = {
    from_float16, from_bfloat16, add,        penalise, hide,       peak,
    weigh,        words,         contenders, above,    mass_above, keep_above};

} // namespace

const Kernels& scalar_kernels() {
  return kScalarKernels;
}

} // namespace pensieve::sampling
