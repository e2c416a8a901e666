#pragma once

#include <array>
#include <cmath>
#include <cstdint>

namespace pensieve::sampling {

// What makes the noise of a row: with it and a token's id all is said.
struct NoiseKey {
  std::uint32_t seed_low;
  std::uint32_t seed_high;
  std::uint32_t position;
};

inline constexpr std::size_t kRounds = 10;
inline constexpr std::array<std::uint32_t, 2> kMultipliers = {0xD2511F53, 0xCD9E8D57};
inline constexpr std::array<std::uint32_t, 2> kWeyl = {0x9E3779B9, 0xBB67AE85};

using PhiloxWords = std::array<std::uint32_t, 4>;

// Philox-4x32-10. Source: Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as
// easy as 1, 2, 3" (SC 2011), section 3.3.
constexpr PhiloxWords philox_4x32(PhiloxWords counter, std::uint32_t key0,
                                  std::uint32_t key1) {
  for (std::size_t round = 0; round < kRounds; ++round) {
    const std::uint64_t product0 = std::uint64_t{kMultipliers[0]} * counter[0];
    const std::uint64_t product1 = std::uint64_t{kMultipliers[1]} * counter[2];
    counter = {static_cast<std::uint32_t>(product1 >> 32U) ^ counter[1] ^ key0,
               static_cast<std::uint32_t>(product1),
               static_cast<std::uint32_t>(product0 >> 32U) ^ counter[3] ^ key1,
               static_cast<std::uint32_t>(product0)};
    key0 += kWeyl[0];
    key1 += kWeyl[1];
  }
  return counter;
}

// The words of the tokens 4 * block to 4 * block + 3.
constexpr PhiloxWords block_words(std::uint32_t block, const NoiseKey& key) {
  return philox_4x32({block, key.position, 0, 0}, key.seed_low, key.seed_high);
}

constexpr std::uint32_t word_of(std::uint32_t token, const NoiseKey& key) {
  return block_words(token >> 2U, key)[token & 3U];
}

inline constexpr float kLargestNoise = 22.88F;

// A Gumbel variate, in (-2.82, 22.88). The winners of a race have a small exponential
// variate, so u is kept small there; -log(-log(u)) would have steps of 2^-24.
inline float gumbel(std::uint32_t word) {
  const float uniform = (static_cast<float>(word) + 0.5F) * 0x1p-32F;
  const float below_one = uniform < 1.0F ? uniform : 1.0F - 0x1p-24F;
  return -std::log(-std::log1p(-below_one));
}

} // namespace pensieve::sampling
