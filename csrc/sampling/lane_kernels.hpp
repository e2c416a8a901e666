#pragma once

#include "sampling/exp_terms.hpp"
#include "sampling/kernels.hpp"

#include <bit>
#include <cstring>
#include <limits>

#if defined(__SSE2__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

// The kernels a register's tokens at a time, in vector types that gcc and clang have on
// every architecture. A file that is compiled for some instructions instantiates the
// template with their name, so that the linker never takes one file's code for
// another's. Sums are made in eight lanes, whatever a register has.

namespace pensieve::sampling {

struct Lanes16 {
  using Floats = float __attribute__((vector_size(16)));
  using Ints = std::int32_t __attribute__((vector_size(16)));
  using Words = std::uint32_t __attribute__((vector_size(16)));
  using Halves = std::uint16_t __attribute__((vector_size(8)));
  using Wides = std::uint64_t __attribute__((vector_size(16)));
};

struct Lanes32 {
  using Floats = float __attribute__((vector_size(32)));
  using Ints = std::int32_t __attribute__((vector_size(32)));
  using Words = std::uint32_t __attribute__((vector_size(32)));
  using Halves = std::uint16_t __attribute__((vector_size(16)));
  using Wides = std::uint64_t __attribute__((vector_size(32)));
};

template <Instructions, typename Types> struct LaneKernels {
  // NOLINTBEGIN(readability-redundant-typename): clang before 16 needs it
  using Floats = typename Types::Floats;
  using Ints = typename Types::Ints;
  using Words = typename Types::Words;
  using Halves = typename Types::Halves;
  using Wides = typename Types::Wides;
  // NOLINTEND(readability-redundant-typename)

  static constexpr std::size_t kLanes = sizeof(Floats) / sizeof(float);
  static constexpr std::size_t kSumLanes = 8;

  template <typename Lanes, typename Item> static Lanes load(const Item* items) {
    Lanes lanes;
    std::memcpy(&lanes, items, sizeof lanes);
    return lanes;
  }

  template <typename Lanes, typename Item> static void store(Lanes lanes, Item* items) {
    std::memcpy(items, &lanes, sizeof lanes);
  }

  class Sum {
  public:
    // The tokens from `i` on of a block.
    void add(std::size_t i, Floats lanes) { parts_[i / kLanes % kParts] += lanes; }

    [[nodiscard]] double total() const {
      std::array<float, kSumLanes> each; // NOLINT(*-member-init)
      std::memcpy(each.data(), parts_.data(), sizeof each);
      const std::array<double, kSumLanes> wide = {each[0], each[1], each[2], each[3],
                                                  each[4], each[5], each[6], each[7]};
      return ((wide[0] + wide[1]) + (wide[2] + wide[3])) +
             ((wide[4] + wide[5]) + (wide[6] + wide[7]));
    }

  private:
    static constexpr std::size_t kParts = kSumLanes / kLanes;
    std::array<Floats, kParts> parts_{};
  };

  static Floats floats(float value) { return Floats{} + value; }
  static Words words_of(std::uint32_t value) { return Words{} + value; }

  // A bit for each lane that is true.
  static std::uint64_t bits(Ints is_true) {
#if defined(__AVX2__)
    return static_cast<std::uint32_t>(
        _mm256_movemask_ps(std::bit_cast<__m256>(is_true)));
#elif defined(__SSE2__)
    return static_cast<std::uint32_t>(_mm_movemask_ps(std::bit_cast<__m128>(is_true)));
#elif defined(__ARM_NEON)
    const Words marks = std::bit_cast<Words>(is_true) & Words{1, 2, 4, 8};
    return vaddvq_u32(std::bit_cast<uint32x4_t>(marks));
#else
    std::uint64_t found = 0;
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      found |= std::uint64_t{is_true[lane] != 0} << lane;
    }
    return found;
#endif
  }

  // The products of the low halves of each lane with a word.
  static Wides product(Wides lanes, std::uint32_t word) {
#if defined(__AVX2__)
    return std::bit_cast<Wides>(
        _mm256_mul_epu32(std::bit_cast<__m256i>(lanes), _mm256_set1_epi64x(word)));
#elif defined(__SSE2__)
    return std::bit_cast<Wides>(
        _mm_mul_epu32(std::bit_cast<__m128i>(lanes), _mm_set1_epi64x(word)));
#elif defined(__ARM_NEON)
    const uint32x2_t low = vmovn_u64(std::bit_cast<uint64x2_t>(lanes));
    return std::bit_cast<Wides>(vmull_n_u32(low, word));
#else
    return (lanes & 0xFFFFFFFFU) * word;
#endif
  }

  // exp(-gap) within 2 units in the last place.
  static Floats weight(Floats gap) {
    constexpr float kRounder = 0x1.8p23F; // added and taken away: the nearest integer
    const Ints is_near = gap < kFurthestGap;
    const Floats exponent = is_near ? gap * -kLog2E : Floats{};
    const Floats rounded = (exponent + kRounder) - kRounder;
    const Floats r = (rounded * -kLog2Front - gap) - rounded * kLog2Back;
    // PERF: gcc's -O2 leaves a loop over the terms; bench/kernels/bench_sampling.py
    Floats power = r * kExpTerms[0] + kExpTerms[1];
    power = power * r + kExpTerms[2];
    power = power * r + kExpTerms[3];
    power = power * r + kExpTerms[4];
    power = power * r + kExpTerms[5];
    power = power * (r * r) + r + 1.0F;
    const Ints scale = (__builtin_convertvector(rounded, Ints) + 127) << 23;
    return is_near ? power * std::bit_cast<Floats>(scale) : Floats{};
  }

  static void from_float16(const std::uint16_t* logits, float* x) {
    for (std::size_t i = 0; i < kBlockTokens; i += kLanes) {
      const Words half = __builtin_convertvector(load<Halves>(logits + i), Words);
      const Words magnitude = (half & 0x7FFFU) << 13U;
      // The exponent is moved by multiplying, so that subnormals come right, too.
      const auto scaled =
          std::bit_cast<Words>(std::bit_cast<Floats>(magnitude) * floats(0x1p112F));
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
      const auto seen = load<Words>(history + i);
      const auto count = std::bit_cast<Ints>(seen >> 1U); // below 2^31
      const auto before = load<Floats>(x + i);
      const Floats repeated = before > 0.0F ? before * penalties.inv_repetition
                                            : before * penalties.repetition;
      const Floats told = seen != 0U ? repeated : before;
      const Floats fewer =
          told - penalties.frequency * __builtin_convertvector(count, Floats);
      store(count > 0 ? fewer - penalties.presence : fewer, x + i);
    }
  }

  static void hide(const std::uint32_t* mask, float* x) {
    Words lowest{};
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      lowest[lane] = 1U << lane;
    }
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
      const auto each = load<Floats>(x + i);
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
    const auto [largest, inv_temp, min_gap] = scale;
    Sum sum;
    for (std::size_t i = 0; i < kBlockTokens; i += kLanes) {
      const auto logit = load<Floats>(x + i);
      const Floats below = (largest - logit) * inv_temp;
      const Floats gap = logit == largest ? Floats{} : below;
      const Floats each = weight(gap);
      sum.add(i, each);
      store(gap <= min_gap ? each : Floats{}, weights + i);
    }
    return sum.total();
  }

  // As many Philox blocks at a time as there are wide lanes, twice. Only the low half
  // of a lane counts: a product's high half is shifted down where it is needed, and
  // garbage above a word is left there.
  struct Counters {
    Wides c0;
    Wides c1;
    Wides c2;
    Wides c3;
  };

  static Counters next_round(const Counters& counters, Wides key0, Wides key1) {
    const Wides product0 = product(counters.c0, kMultipliers[0]);
    const Wides product1 = product(counters.c2, kMultipliers[1]);
    return {(product1 >> 32U) ^ counters.c1 ^ key0, product1,
            (product0 >> 32U) ^ counters.c3 ^ key1, product0};
  }

  static void store_words(const Counters& counters, std::uint32_t* words) {
    constexpr std::uint64_t kLow = 0xFFFFFFFF;
    store_interleaved((counters.c0 & kLow) | (counters.c1 << 32U),
                      (counters.c2 & kLow) | (counters.c3 << 32U), words);
  }

  static void words(std::uint32_t first_block, const NoiseKey& key,
                    std::uint32_t* words) {
    // PERF: keys made once, and two chains of products that do not wait for each other;
    // bench/kernels/bench_sampling.py
    std::array<Wides, kRounds> keys0; // NOLINT(*-member-init)
    std::array<Wides, kRounds> keys1; // NOLINT(*-member-init)
    for (std::uint32_t round = 0; round < kRounds; ++round) {
      keys0[round] = Wides{} + (key.seed_low + round * kWeyl[0]);
      keys1[round] = Wides{} + (key.seed_high + round * kWeyl[1]);
    }
    const Wides position = Wides{} + key.position;
    constexpr std::size_t kBlocks = kLanes / 2;
    for (std::size_t block = 0; block < kBlockTokens / 4; block += 2 * kBlocks) {
      const Wides first = in_order() + (std::uint64_t{first_block} + block);
      Counters one{first, position, Wides{}, Wides{}};
      Counters other{first + kBlocks, position, Wides{}, Wides{}};
      for (std::size_t round = 0; round < kRounds; ++round) {
        one = next_round(one, keys0[round], keys1[round]);
        other = next_round(other, keys0[round], keys1[round]);
      }
      store_words(one, words + 4 * block);
      store_words(other, words + 4 * (block + kBlocks));
    }
  }

#if defined(__AVX2__)
  // The order of blocks in lanes from which AVX2's way to interleave restores theirs.
  static Wides in_order() { return Wides{0, 2, 1, 3}; }

  static void store_interleaved(Wides front, Wides back, std::uint32_t* words) {
    const auto one = std::bit_cast<__m256i>(front);
    const auto other = std::bit_cast<__m256i>(back);
    store(_mm256_unpacklo_epi64(one, other), words);
    store(_mm256_unpackhi_epi64(one, other), words + kLanes);
  }
#else
  static Wides in_order() { return Wides{0, 1}; }

  static void store_interleaved(Wides front, Wides back, std::uint32_t* words) {
    store(Wides{front[0], back[0]}, words);
    store(Wides{front[1], back[1]}, words + kLanes);
  }
#endif

  static Hits contenders(const std::uint32_t* words, const float* weights,
                         float limit) {
    Hits hits{};
    for (std::size_t i = 0; i < kBlockTokens; i += kLanes) {
      const auto half = std::bit_cast<Ints>(load<Words>(words + i) >> 1U);
      const auto threshold = load<Floats>(weights + i) * limit;
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
    Sum sum;
    for (std::size_t i = 0; i < kBlockTokens; i += kLanes) {
      const auto each = load<Floats>(weights + i);
      sum.add(i, load<Floats>(x + i) > pivot ? each : Floats{});
    }
    return sum.total();
  }

  static void keep_above(const float* x, float pivot, float* weights) {
    for (std::size_t i = 0; i < kBlockTokens; i += kLanes) {
      const auto kept = load<Floats>(weights + i);
      store(load<Floats>(x + i) > pivot ? kept : Floats{}, weights + i);
    }
  }

  static constexpr Kernels kKernels = {
      from_float16, from_bfloat16, add,        penalise, hide,       peak,
      weigh,        words,         contenders, above,    mass_above, keep_above};
};

} // namespace pensieve::sampling
