#include "sampling/noise.hpp"

#include <doctest/doctest.h>

#include <cmath>

namespace pensieve::sampling {

TEST_CASE("Philox gives Random123's known answers") {
  static_assert(philox_4x32({0, 0, 0, 0}, 0, 0) ==
                PhiloxWords{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(philox_4x32({0, 0, 0, 0}, 0, 0)[0] == 0x6627e8d5);
  constexpr std::uint32_t kOnes = 0xffffffff;
  CHECK(philox_4x32({kOnes, kOnes, kOnes, kOnes}, kOnes, kOnes) ==
        PhiloxWords{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox_4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, 0xa4093822,
                    0x299f31d0) ==
        PhiloxWords{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("a token's word is that of its block at its place") {
  const NoiseKey key{7, 9, 11};
  CHECK(word_of(4 * 5 + 2, key) == philox_4x32({5, 11, 0, 0}, 7, 9)[2]);
  CHECK(block_words(5, key)[2] == word_of(22, key));
}

TEST_CASE("noise is that of the formula, from end to end") {
  CHECK(gumbel(0) == doctest::Approx(22.8739).epsilon(1e-5));
  CHECK(gumbel(0xFFFFFFFF) == doctest::Approx(-2.81154).epsilon(1e-5));
  for (std::uint32_t word = 0; word < 0xFFF00000; word += 655'373) {
    const double uniform = std::min((word + 0.5) / 0x1p32, 1 - 0x1p-24);
    const double exact = -std::log(-std::log1p(-uniform));
    // Near 1 the float32 uniform variate itself has steps of 2^-24.
    const double step = 0x1p-24 / (1 - uniform) / -std::log1p(-uniform);
    REQUIRE(std::abs(gumbel(word) - exact) < 4e-6 + step);
  }
}

} // namespace pensieve::sampling
