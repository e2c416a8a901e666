#include "sampling/kernels.hpp"

#include <doctest/doctest.h>

#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace pensieve::sampling {

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

using Block = std::array<float, kBlockTokens>;
using WordBlock = std::array<std::uint32_t, kBlockTokens>;

// Numbers of all sizes, some equal, some that are none.
Block block_of(unsigned seed, bool has_nan = false) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.0F, 5.0F);
  Block x{};
  for (float& each : x) {
    each = normal(random);
    const unsigned choice = random() % 16;
    each = choice == 0 ? std::round(each) : each;
    each = choice == 1 ? -kInfinity : each;
    each = choice == 2 ? each * 1e30F : each;
    each = choice == 3 ? each * 1e-39F : each;
    each = has_nan && choice == 4 ? kNan : each;
  }
  return x;
}

WordBlock words_of(unsigned seed) {
  std::mt19937 random(seed);
  WordBlock words{};
  for (std::uint32_t& word : words) {
    word = static_cast<std::uint32_t>(random()) >> (random() % 32);
  }
  return words;
}

void require_equal(const Block& one, const Block& other) {
  std::size_t first = 0; // that differs
  while (first < kBlockTokens &&
         (one[first] == other[first] ||
          (std::isnan(one[first]) && std::isnan(other[first])))) {
    ++first;
  }
  REQUIRE(first == kBlockTokens);
}

std::vector<const Kernels*> fast_kernels() {
  std::vector<const Kernels*> found{kernels_of(Instructions::kBaseline)};
  if (const Kernels* avx2 = kernels_of(Instructions::kAvx2)) {
    found.push_back(avx2);
  }
  return found;
}

constexpr std::array<Penalties, 3> kPenalties = {
    {{1.3F, 1.0F / 1.3F, 0.5F, 0.25F}, {1.0F, 1.0F, -2.0F, 0.0F}, {0.7F, 1.4F, 0, 2}}};

} // namespace

TEST_CASE("every set of kernels gives the bits that the scalar one gives") {
  const Kernels& scalar = *kernels_of(Instructions::kScalar);
  for (const Kernels* kernels : fast_kernels()) {
    for (unsigned seed = 0; seed < 60; ++seed) {
      CAPTURE(seed);
      const Block x = block_of(seed, seed % 2 == 0);
      const Block other = block_of(1000 + seed);
      const WordBlock words = words_of(seed);
      Block expected = x;
      Block got = x;

      scalar.add(other.data(), expected.data());
      kernels->add(other.data(), got.data());
      require_equal(got, expected);

      for (const Penalties& penalties : kPenalties) {
        expected = got = x;
        scalar.penalise(words.data(), penalties, expected.data());
        kernels->penalise(words.data(), penalties, got.data());
        require_equal(got, expected);
      }

      expected = got = x;
      scalar.hide(words.data(), expected.data());
      kernels->hide(words.data(), got.data());
      require_equal(got, expected);

      const Peak peak = scalar.peak(x.data());
      REQUIRE(kernels->peak(x.data()).largest == peak.largest);
      REQUIRE(kernels->peak(x.data()).has_nan == peak.has_nan);

      const Scale scale{peak.largest, 0.7F, seed % 3 == 0 ? 4.0F : kInfinity};
      REQUIRE(kernels->weigh(x.data(), scale, got.data()) ==
              scalar.weigh(x.data(), scale, expected.data()));
      require_equal(got, expected);

      for (const float limit : {0.0F, 1e6F, 1e9F, 1e10F}) {
        REQUIRE(kernels->contenders(words.data(), got.data(), limit) ==
                scalar.contenders(words.data(), got.data(), limit));
      }
      for (const float pivot : {x[17], -kInfinity, 0.0F}) {
        REQUIRE(kernels->above(x.data(), pivot) == scalar.above(x.data(), pivot));
        REQUIRE(kernels->mass_above(x.data(), got.data(), pivot) ==
                scalar.mass_above(x.data(), expected.data(), pivot));
        kernels->keep_above(x.data(), pivot, got.data());
        scalar.keep_above(x.data(), pivot, expected.data());
        require_equal(got, expected);
      }
    }
  }
}

TEST_CASE("every set of kernels makes the words of Philox") {
  const NoiseKey key{0x12345678, 0x9ABCDEF0, 0xFFFFFFFF};
  std::vector<const Kernels*> all = fast_kernels();
  all.push_back(kernels_of(Instructions::kScalar));
  for (const Kernels* kernels : all) {
    for (const std::uint32_t first_block : {0U, 64U, 65'536U, 536'870'848U}) {
      WordBlock words{};
      kernels->words(first_block, key, words.data());
      WordBlock expected{};
      for (std::uint32_t i = 0; i < kBlockTokens; ++i) {
        expected.at(i) = word_of(4 * first_block + i, key);
      }
      REQUIRE(words == expected);
    }
  }
}

TEST_CASE("every half is widened to the float32 that it is") {
  const Kernels& scalar = *kernels_of(Instructions::kScalar);
  for (const Kernels* kernels : fast_kernels()) {
    for (std::uint32_t first = 0; first < 0x10000; first += kBlockTokens) {
      std::array<std::uint16_t, kBlockTokens> halves{};
      for (std::uint32_t i = 0; i < kBlockTokens; ++i) {
        halves.at(i) = static_cast<std::uint16_t>(first + i);
      }
      Block expected{};
      Block got{};
      scalar.from_float16(halves.data(), expected.data());
      kernels->from_float16(halves.data(), got.data());
      require_equal(got, expected);
      scalar.from_bfloat16(halves.data(), expected.data());
      kernels->from_bfloat16(halves.data(), got.data());
      require_equal(got, expected);
    }
  }
}

TEST_CASE("float16's landmarks are widened right") {
  std::array<std::uint16_t, kBlockTokens> halves = {0x3C00, 0xC000, 0x0001, 0x8001,
                                                    0x03FF, 0x0400, 0x7BFF, 0x7C00,
                                                    0xFC00, 0x7E00, 0x0000};
  Block x{};
  kernels_of(best_instructions())->from_float16(halves.data(), x.data());

  CHECK(x[0] == 1.0F);
  CHECK(x[1] == -2.0F);
  CHECK(x[2] == 0x1p-24F);
  CHECK(x[3] == -0x1p-24F);
  CHECK(x[4] == 0x1.ff8p-15F);
  CHECK(x[5] == 0x1p-14F);
  CHECK(x[6] == 65504.0F);
  CHECK(x[7] == kInfinity);
  CHECK(x[8] == -kInfinity);
  CHECK(std::isnan(x[9]));
  CHECK(x[10] == 0.0F);
}

TEST_CASE("weights are exp(-gap) within 2 units in the last place") {
  const Kernels& kernels = *kernels_of(best_instructions());
  double worst = 0;
  for (int part = 0; part < 1000; ++part) {
    Block x{};
    Block weights{};
    for (std::size_t i = 0; i < kBlockTokens; ++i) {
      x.at(i) = static_cast<float>(part) * -0.0869F - static_cast<float>(i) * 3.39e-4F;
    }
    kernels.weigh(x.data(), {0.0F, 1.0F, kInfinity}, weights.data());
    for (std::size_t i = 0; i < kBlockTokens; ++i) {
      const double exact = std::exp(double{x.at(i)});
      worst = std::max(worst, std::abs(weights.at(i) / exact - 1));
    }
  }
  CHECK(worst < 0x1p-22);
}

TEST_CASE("what is too far off has no weight, and the largest has 1") {
  Block x{};
  x.fill(-kInfinity);
  x[0] = 3.0F;
  x[1] = 3.0F - 88.0F;
  x[2] = -3e38F;
  Block weights{};

  const double sum = kernels_of(best_instructions())
                         ->weigh(x.data(), {3.0F, 1.0F, kInfinity}, weights.data());

  CHECK(sum == 1.0);
  CHECK(weights[0] == 1.0F);
  CHECK(weights[1] == 0.0F);
  CHECK(weights[2] == 0.0F);
}

TEST_CASE("instructions have names, and this machine has some of them") {
  CHECK(instructions_named("scalar") == Instructions::kScalar);
  CHECK(instructions_named("baseline") == Instructions::kBaseline);
  CHECK(instructions_named("avx2") == Instructions::kAvx2);
  CHECK_FALSE(instructions_named("mmx").has_value());
  CHECK(kernels_of(best_instructions()) != nullptr);
}

} // namespace pensieve::sampling
