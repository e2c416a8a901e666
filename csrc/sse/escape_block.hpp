#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#if defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

namespace pensieve::sse {

// Sixteen bytes of a JSON string's text at once, by SSE2, NEON or neither. Source of
// what is escaped, and how: RFC 8259, section 7.

inline constexpr std::size_t kBlockBytes = 16;

// How many bytes more than itself each byte takes: `\n` 1, `\u001f` 5.
inline constexpr std::array<std::uint8_t, 256> kExtraBytes = [] {
  std::array<std::uint8_t, 256> extra{};
  for (std::size_t byte = 0; byte < 0x20; ++byte) {
    extra.at(byte) = 5;
  }
  for (const char character : {'"', '\\', '\b', '\f', '\n', '\r', '\t'}) {
    extra.at(static_cast<std::uint8_t>(character)) = 1;
  }
  return extra;
}();

// Which of a block's bytes are escaped.
class Places {
public:
  // In each group of 2^shift bits one at most is set, and says it of a byte.
  constexpr Places(std::uint64_t bits, unsigned shift) : bits_(bits), shift_(shift) {}

  [[nodiscard]] bool empty() const { return bits_ == 0; }

  // Takes the first one out and returns it.
  std::size_t next() {
    const auto place = static_cast<std::size_t>(std::countr_zero(bits_)) >> shift_;
    bits_ &= bits_ - 1;
    return place;
  }

private:
  std::uint64_t bits_;
  unsigned shift_;
};

inline std::size_t extra_bytes(char character) {
  return kExtraBytes[static_cast<std::uint8_t>(character)];
}

// The same as EscapeBlock, a byte at a time.
class ScalarEscapeBlock {
public:
  explicit ScalarEscapeBlock(std::string_view text) {
    std::memcpy(bytes_.data(), text.data(), kBlockBytes);
  }

  void store(char* out) const { std::memcpy(out, bytes_.data(), kBlockBytes); }

  [[nodiscard]] Places special() const {
    std::uint64_t bits = 0;
    for (std::size_t place = 0; place < kBlockBytes; ++place) {
      bits |= std::uint64_t{extra_bytes(bytes_[place]) != 0} << place;
    }
    return {bits, 0};
  }

  // How many bytes more than sixteen the block takes, escaped.
  [[nodiscard]] std::size_t extra() const {
    std::size_t sum = 0;
    for (const char byte : bytes_) {
      sum += extra_bytes(byte);
    }
    return sum;
  }

private:
  std::array<char, kBlockBytes> bytes_{};
};

#if defined(__SSE2__)

class EscapeBlock {
public:
  // `text` has at least kBlockBytes.
  explicit EscapeBlock(std::string_view text)
      : bytes_(_mm_loadu_si128(reinterpret_cast<const __m128i*>(text.data()))) {}

  void store(char* out) const {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), bytes_);
  }

  [[nodiscard]] Places special() const {
    const __m128i special = _mm_or_si128(at_most(0x1f), quote_or_backslash());
    return {static_cast<std::uint16_t>(_mm_movemask_epi8(special)), 0};
  }

  [[nodiscard]] std::size_t extra() const {
    // \b \t \n \f \r are 8 to 13 without 11.
    const __m128i from_8 = _mm_andnot_si128(at_most(7), at_most(13));
    const __m128i is_11 = _mm_cmpeq_epi8(bytes_, _mm_set1_epi8(11));
    const __m128i is_short = _mm_andnot_si128(is_11, from_8);
    const __m128i is_long = _mm_andnot_si128(is_short, at_most(0x1f));
    const __m128i one = _mm_or_si128(is_short, quote_or_backslash());
    const __m128i each = _mm_or_si128(_mm_and_si128(one, _mm_set1_epi8(1)),
                                      _mm_and_si128(is_long, _mm_set1_epi8(5)));
    const __m128i halves = _mm_sad_epu8(each, _mm_setzero_si128());
    const int sum = _mm_cvtsi128_si32(halves) + _mm_extract_epi16(halves, 4);
    return static_cast<std::size_t>(sum);
  }

private:
  [[nodiscard]] __m128i at_most(char limit) const {
    return _mm_cmpeq_epi8(_mm_min_epu8(bytes_, _mm_set1_epi8(limit)), bytes_);
  }
  [[nodiscard]] __m128i quote_or_backslash() const {
    return _mm_or_si128(_mm_cmpeq_epi8(bytes_, _mm_set1_epi8('"')),
                        _mm_cmpeq_epi8(bytes_, _mm_set1_epi8('\\')));
  }

  __m128i bytes_;
};

#elif defined(__ARM_NEON)

class EscapeBlock {
public:
  // `text` has at least kBlockBytes.
  explicit EscapeBlock(std::string_view text)
      : bytes_(vld1q_u8(reinterpret_cast<const std::uint8_t*>(text.data()))) {}

  void store(char* out) const {
    vst1q_u8(reinterpret_cast<std::uint8_t*>(out), bytes_);
  }

  [[nodiscard]] Places special() const {
    const uint8x16_t control = vcltq_u8(bytes_, vdupq_n_u8(0x20));
    const uint8x16_t special = vorrq_u8(control, quote_or_backslash());
    // NEON has no movemask: narrowing by 4 bits leaves 4 bits of the mask a byte.
    const uint8x8_t nibbles = vshrn_n_u16(vreinterpretq_u16_u8(special), 4);
    const std::uint64_t mask = vget_lane_u64(vreinterpret_u64_u8(nibbles), 0);
    return {mask & 0x8888888888888888U, 2};
  }

  [[nodiscard]] std::size_t extra() const {
    // \b \t \n \f \r are 8 to 13 without 11.
    const uint8x16_t from_8 =
        vandq_u8(vcgeq_u8(bytes_, vdupq_n_u8(8)), vcleq_u8(bytes_, vdupq_n_u8(13)));
    const uint8x16_t is_short = vbicq_u8(from_8, vceqq_u8(bytes_, vdupq_n_u8(11)));
    const uint8x16_t control = vcltq_u8(bytes_, vdupq_n_u8(0x20));
    const uint8x16_t is_long = vbicq_u8(control, is_short);
    const uint8x16_t one = vorrq_u8(is_short, quote_or_backslash());
    const uint8x16_t each =
        vorrq_u8(vandq_u8(one, vdupq_n_u8(1)), vandq_u8(is_long, vdupq_n_u8(5)));
    return vaddvq_u8(each); // 80 at most
  }

private:
  [[nodiscard]] uint8x16_t quote_or_backslash() const {
    return vorrq_u8(vceqq_u8(bytes_, vdupq_n_u8('"')),
                    vceqq_u8(bytes_, vdupq_n_u8('\\')));
  }

  uint8x16_t bytes_;
};

#else

using EscapeBlock = ScalarEscapeBlock;

#endif

} // namespace pensieve::sse
