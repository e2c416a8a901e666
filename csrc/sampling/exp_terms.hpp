#pragma once

#include <array>
#include <numbers>

// exp(y) = 2^n exp(r), n the integer next to y / log(2) and r what is left of y, at
// most log(2) / 2: 1 + r + r^2 p(r). Source: Cephes' expf.

namespace pensieve::sampling {

inline constexpr float kLog2E = std::numbers::log2e_v<float>;

// log(2) in two parts, of which the first has few bits: its products with n are exact.
inline constexpr float kLog2Front = 355.0F / 512.0F;
inline constexpr float kLog2Back = -2.12194440e-4F;

inline constexpr std::array<float, 6> kExpTerms = {1.9875691500e-4F, 1.3981999507e-3F,
                                                   8.3334519073e-3F, 4.1665795894e-2F,
                                                   1.6666665459e-1F, 5.0000001201e-1F};

// A weight exp(-gap) is 0 from here on: float32's smallest are near.
inline constexpr float kFurthestGap = 87.0F;

} // namespace pensieve::sampling
