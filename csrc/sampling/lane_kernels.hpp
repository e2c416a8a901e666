#pragma once

#include "sampling/kernels.hpp"

#include <bit>
#include <cstring>
#include <limits>

#if defined(__SSE2__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

// The kernels eight tokens at a time, in vector types that gcc and clang have on every
// architecture. A file that is compiled for some instructions instantiates the template
// with their name, so that the linker never takes one file's code for another's.

namespace pensieve::sampling {

using Floats = float __attribute__((vector_size(32)));
using Ints = std::int32_t __attribute__((vector_size(32)));
using Words = std::uint32_t __attribute__((vector_size(32)));
using Halves = std::uint16_t __attribute__((vector_size(16)));
using Wides = std::uint64_t __attribute__((vector_size(32)));
using Doubles = double __attribute__((vector_size(64)));

inline constexpr std::size_t kLanes = 8;

template <Instructions> struct LaneKernels {
  template <typename Lanes, typename Item> static Lanes load(const Item* items) {
    Lanes lanes;
    std::memcpy(&lanes, items, sizeof lanes);
    return lanes;
  }

  template <typename Lanes, typename Item> static void store(Lanes lanes, Item* items) {
    std::memcpy(items, &lanes, sizeof lanes);
  }

  static Floats floats(float value) { return Floats{} + value; }
  static Words words_of(std::uint32_t value) { return Words{} + value; }

  // A bit for each lane that is true.
  static std::uint64_t bits(Ints is_true) {
#if defined(__AVX2__)
    return static_cast<std::uint32_t>(
        _mm256_movemask_ps(std::bit_cast<__m256>(is_true)));
#else
    const Ints places = {1, 2, 4, 8, 16, 32, 64, 128};
    const Ints marks = is_true & places;
    std::int32_t sum = 0;
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      sum += marks[lane];
    }
    return static_cast<std::uint64_t>(sum);
#endif
  }

  static double sum(Floats lanes) {
    const auto wide = __builtin_convertvector(lanes, Doubles);
    return ((wide[0] + wide[1]) + (wide[2] + wide[3])) +
           ((wide[4] + wide[5]) + (wide[6] + wide[7]));
  }

  // The products of the low halves of each lane with a word.
  static Wides product(Wides lanes, std::uint32_t word) {
#if defined(__AVX2__)
    return std::bit_cast<Wides>(
        _mm256_mul_epu32(std::bit_cast<__m256i>(lanes), _mm256_set1_epi64x(word)));
#elif defined(__SSE2__)
    struct Pair {
      __m128i low;
      __m128i high;
    };
    auto pair = std::bit_cast<Pair>(lanes);
    pair.low = _mm_mul_epu32(pair.low, _mm_set1_epi64x(word));
    pair.high = _mm_mul_epu32(pair.high, _mm_set1_epi64x(word));
    return std::bit_cast<Wides>(pair);
#elif defined(__ARM_NEON)
    struct Pair {
      uint64x2_t low;
      uint64x2_t high;
    };
    auto pair = std::bit_cast<Pair>(lanes);
    pair.low = vmull_n_u32(vmovn_u64(pair.low), word);
    pair.high = vmull_n_u32(vmovn_u64(pair.high), word);
    return std::bit_cast<Wides>(pair);
#else
    return (lanes & 0xFFFFFFFFU) * word;
#endif
  }

  // exp(-gap) within 2 units in the last place for gaps of 0 to 87; further off it is 0.
  // Source: Cephes' expf: exp(r) for |r| <= log(2) / 2, and the exponent apart.
  static Floats weight(Floats gap) {
    constexpr float kFurthest = 87.0F;
    constexpr float kRounder = 0x1.8p23F; // added and taken away: the nearest integer
    const Ints is_near = gap < kFurthest;
    const Floats exponent = -gap * 0x1.715476p+0F; // 1 / log(2)
    const Floats near = is_near ? exponent : Floats{};
    const Floats rounded = (near + kRounder) - kRounder;
    // log(2) in two parts, of which the first has few bits: its product is exact.
    const Floats r = (-gap - rounded * 0x1.63p-1F) - rounded * -0x1.bd0106p-13F;
    Floats power = r * 1.9875691500e-4F + 1.3981999507e-3F;
    power = power * r + 8.3334519073e-3F;
    power = power * r + 4.1665795894e-2F;
    power = power * r + 1.6666665459e-1F;
    power = power * r + 5.0000001201e-1F;
    power = power * (r * r) + r + 1.0F;
    const Ints scale = (__builtin_convertvector(rounded, Ints) + 127) << 23;
    return is_near ? power * std::bit_cast<Floats>(scale) : Floats{};
  }

  static Floats gaps(Floats x, const Scale& scale) {
    const Floats gap = (scale.largest - x) * scale.inv_temp;
    return x == scale.largest ? Floats{} : gap;
  }

  static void from_float16(const std::uint16_t* logits, float* x) {
    for (std::size_t i = 0; i < kBlockTokens; i += kLanes) {
      const Words half = __builtin_convertvector(load<Halves>(logits + i), Words);
      const Words magnitude = (half & 0x7FFFU) << 13U;
      // The exponent is moved by multiplying, so that subnormals come right, too.
      const auto scaled = std::bit_cast<Words>(std::bit_cast<Floats>(magnitude) *
                                               floats(0x1p112F));
      const Words special = magnitude | 0x7F800000U; // infinities and NaN
      const Words finite_or_not = magnitude < (0x7C00U << 13U) ? scaled : special;
      store(finite_or_not | ((half & 0x8000U) << 16U), x + i);
    }
  }

  static void from_bfloat16(const std::uint16_t* logits, float* x) {
    for (std::size_t i = 0; i < kBlockTokens; i += kLanes) {
      const Words half = __builtin_convertvector(load<Halves>(logits + i), Words);
      store(half << 16U, x + i);
    }
  }

  static void add(const float* bias, float* x) {
    for (std::size_t i = 0; i < kBlockTokens; i += kLanes) {
      store(load<Floats>(x + i) + load<Floats>(bias + i), x + i);
    }
  }

  static void penalise(const std::uint32_t* history, const Penalties& penalties,
                       float* x) {
    for (std::size_t i = 0; i < kBlockTokens; i += kLanes) {
      const Words seen = load<Words>(history + i);
      const auto count = std::bit_cast<Ints>(seen >> 1U); // below 2^31
      const Floats before = load<Floats>(x + i);
      const Floats repeated = before > 0.0F ? before * penalties.inv_repetition
                                            : before * penalties.repetition;
      const Floats told = seen != 0U ? repeated : before;
      const Floats fewer =
          told - penalties.frequency * __builtin_convertvector(count, Floats);
      store(count > 0 ? fewer - penalties.presence : fewer, x + i);
    }
  }

  static void hide(const std::uint32_t* mask, float* x) {
    const Words lowest = {1, 2, 4, 8, 16, 32, 64, 128};
    const Floats hidden = floats(-std::numeric_limits<float>::infinity());
    for (std::size_t i = 0; i < kBlockTokens; i += kLanes) {
      const Words shown = words_of(mask[i / 32] >> (i % 32)) & lowest;
      store(shown != 0U ? load<Floats>(x + i) : hidden, x + i);
    }
  }

  static Peak peak(const float* x) {
    Floats largest = floats(-std::numeric_limits<float>::infinity());
    Ints is_nan{};
    for (std::size_t i = 0; i < kBlockTokens; i += kLanes) {
      const Floats each = load<Floats>(x + i);
      largest = each > largest ? each : largest;
      is_nan |= each != each; // NOLINT(misc-redundant-expression)
    }
    Peak found{largest[0], bits(is_nan) != 0};
    for (std::size_t lane = 1; lane < kLanes; ++lane) {
      found.largest = largest[lane] > found.largest ? largest[lane] : found.largest;
    }
    return found;
  }

  static double weigh(const float* x, const Scale& scale, float* weights) {
    Floats total{};
    for (std::size_t i = 0; i < kBlockTokens; i += kLanes) {
      const Floats gap = gaps(load<Floats>(x + i), scale);
      const Floats each = weight(gap);
      total += each;
      store(gap <= scale.min_gap ? each : Floats{}, weights + i);
    }
    return sum(total);
  }

  // Four Philox blocks at a time. Only the low half of a lane counts: a product's high
  // half is shifted down where it is needed, and garbage above a word is left there.
  static void words(std::uint32_t first_block, const NoiseKey& key,
                    std::uint32_t* words) {
    constexpr std::uint64_t kLow = 0xFFFFFFFF;
    for (std::uint32_t block = 0; block < kBlockTokens / 4; block += 4) {
      const std::uint64_t first = std::uint64_t{first_block} + block;
      Wides c0 = {first, first + 2, first + 1, first + 3};
      Wides c1 = Wides{} + key.position;
      Wides c2{};
      Wides c3{};
      std::uint32_t key0 = key.seed_low;
      std::uint32_t key1 = key.seed_high;
      for (int round = 0; round < kRounds; ++round) {
        const Wides product0 = product(c0, kMultipliers[0]);
        const Wides product1 = product(c2, kMultipliers[1]);
        c0 = (product1 >> 32U) ^ c1 ^ key0;
        c2 = (product0 >> 32U) ^ c3 ^ key1;
        c1 = product1;
        c3 = product0;
        key0 += kWeyl[0];
        key1 += kWeyl[1];
      }
      const Wides front = (c0 & kLow) | (c1 << 32U);
      const Wides back = (c2 & kLow) | (c3 << 32U);
#if defined(__clang__)
      const Wides low = __builtin_shufflevector(front, back, 0, 4, 2, 6);
      const Wides high = __builtin_shufflevector(front, back, 1, 5, 3, 7);
#else
      const Wides low = __builtin_shuffle(front, back, Wides{0, 4, 2, 6});
      const Wides high = __builtin_shuffle(front, back, Wides{1, 5, 3, 7});
#endif
      store(low, words + std::size_t{4} * block);
      store(high, words + std::size_t{4} * block + kLanes);
    }
  }

  static Hits contenders(const std::uint32_t* words, const float* weights,
                         float limit) {
    Hits hits{};
    for (std::size_t i = 0; i < kBlockTokens; i += kLanes) {
      const auto half = std::bit_cast<Ints>(load<Words>(words + i) >> 1U);
      const Floats threshold = load<Floats>(weights + i) * limit;
      hits[i / 64] |= bits(__builtin_convertvector(half, Floats) < threshold)
                      << (i % 64);
    }
    return hits;
  }

  static Hits above(const float* x, float pivot) {
    Hits hits{};
    for (std::size_t i = 0; i < kBlockTokens; i += kLanes) {
      hits[i / 64] |= bits(load<Floats>(x + i) > pivot) << (i % 64);
    }
    return hits;
  }

  static double mass_above(const float* x, const float* weights, float pivot) {
    Floats total{};
    for (std::size_t i = 0; i < kBlockTokens; i += kLanes) {
      total += load<Floats>(x + i) > pivot ? load<Floats>(weights + i) : Floats{};
    }
    return sum(total);
  }

  static void keep_above(const float* x, float pivot, float* weights) {
    for (std::size_t i = 0; i < kBlockTokens; i += kLanes) {
      const Floats kept = load<Floats>(weights + i);
      store(load<Floats>(x + i) > pivot ? kept : Floats{}, weights + i);
    }
  }

  static constexpr Kernels kKernels = {
      from_float16, from_bfloat16, add,        penalise, hide,       peak,
      weigh,        words,         contenders, above,    mass_above, keep_above};
};

} // namespace pensieve::sampling
