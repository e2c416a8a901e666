#pragma once

#include "sampling/noise.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace pensieve::sampling {

// Kernels go through a row a block of tokens at a time; a row's last block is padded.
inline constexpr std::size_t kBlockTokens = 256;
inline constexpr std::size_t kMaskWords = kBlockTokens / 32;

// A bit for each token of a block, the lowest bit of the first word for the first.
using Hits = std::array<std::uint64_t, kBlockTokens / 64>;

struct Penalties {
  float repetition;
  float inv_repetition;
  float presence;
  float frequency;
};

struct Peak {
  float largest; // of those that are numbers; -inf if there are none
  bool has_nan;
};

// From a logit to how far it is below the largest, in units of the temperature.
struct Scale {
  float largest;
  float inv_temp;
  float min_gap; // what is further below has no weight in the draw
};

// Of what equals the largest it is 0, though that be infinite.
inline float gap_of(float x, const Scale& scale) {
  return x == scale.largest ? 0.0F : (scale.largest - x) * scale.inv_temp;
}

// One block's work. All of one row is exact or rounded operation by operation in a
// fixed order, so that every set of kernels gives the same bits.
struct Kernels {
  void (*from_float16)(const std::uint16_t* logits, float* x);
  void (*from_bfloat16)(const std::uint16_t* logits, float* x);
  void (*add)(const float* bias, float* x);
  // history: how often in the answer << 1 | is in the prompt.
  void (*penalise)(const std::uint32_t* history, const Penalties& penalties, float* x);
  // -inf where the mask, kMaskWords words, has no bit.
  void (*hide)(const std::uint32_t* mask, float* x);
  Peak (*peak)(const float* x);
  // Writes exp(-gap) where gap <= min_gap, else 0; returns the sum of all exp(-gap).
  double (*weigh)(const float* x, const Scale& scale, float* weights);
  // The words of the tokens from 4 * first_block on.
  void (*words)(std::uint32_t first_block, const NoiseKey& key, std::uint32_t* words);
  // Where word / 2 < limit * weight.
  Hits (*contenders)(const std::uint32_t* words, const float* weights, float limit);
  // Where x > pivot.
  Hits (*above)(const float* x, float pivot);
  // The sum of the weights where x > pivot.
  double (*mass_above)(const float* x, const float* weights, float pivot);
  // No weight where not x > pivot.
  void (*keep_above)(const float* x, float pivot, float* weights);
};

enum class Instructions : std::uint8_t {
  kScalar,   // plain loops, the twin of the others
  kBaseline, // what every machine of this architecture has: SSE2, NEON
  kAvx2,
};

std::optional<Instructions> instructions_named(std::string_view name);

// The best that this machine has.
Instructions best_instructions();

// What this machine cannot run is nullptr.
const Kernels* kernels_of(Instructions instructions);

} // namespace pensieve::sampling
