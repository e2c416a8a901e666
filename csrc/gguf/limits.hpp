#pragma once

#include <cstdint>

namespace pensieve::gguf {

// What a file may hold. The format's own limits where it has any (key, tensor name,
// dimensions); otherwise far above every real model. Documented for people in
// pensieve/_native/gguf.pyi, which a test compares with this.
inline constexpr std::uint64_t kMaxMetadata = 1U << 16U;
inline constexpr std::uint64_t kMaxTensors = 1U << 20U; // of all parts together
inline constexpr std::uint64_t kMaxKeyBytes = (1U << 16U) - 1;
inline constexpr std::uint64_t kMaxTensorNameBytes = 64;
inline constexpr std::uint64_t kMaxStringBytes = 1U << 26U;
inline constexpr std::uint64_t kMaxArrayItems = 1U << 24U;
inline constexpr std::uint32_t kMaxDimensions = 4;
inline constexpr std::uint32_t kMaxAlignment = 1U << 20U;
inline constexpr std::uint64_t kMaxParts = 512;

} // namespace pensieve::gguf
