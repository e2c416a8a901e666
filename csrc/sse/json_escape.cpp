#include "sse/json_escape.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

#if defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

namespace pensieve::sse {

namespace {

// Bytes that each byte takes up in a JSON string: itself, `\n` or `\u001f`.
constexpr std::array<std::uint8_t, 256> kEscapedSize = [] {
  std::array<std::uint8_t, 256> sizes{};
  for (std::size_t byte = 0; byte < sizes.size(); ++byte) {
    sizes[byte] = byte < 0x20 ? 6 : 1;
  }
  for (const char character : {'"', '\\', '\b', '\f', '\n', '\r', '\t'}) {
    sizes[static_cast<std::uint8_t>(character)] = 2;
  }
  return sizes;
}();

std::size_t escaped_size(char character) {
  return kEscapedSize[static_cast<std::uint8_t>(character)];
}

char short_escape(char character) {
  switch (character) {
  case '\b':
    return 'b';
  case '\f':
    return 'f';
  case '\n':
    return 'n';
  case '\r':
    return 'r';
  case '\t':
    return 't';
  default:
    return character; // `"` or `\`
  }
}

char* escape(char character, char* out) {
  constexpr std::string_view kHexDigits = "0123456789abcdef";
  const auto byte = static_cast<std::uint8_t>(character);
  switch (kEscapedSize[byte]) {
  case 1:
    *out++ = character;
    return out;
  case 2:
    *out++ = '\\';
    *out++ = short_escape(character);
    return out;
  default:
    out = std::ranges::copy(std::string_view("\\u00"), out).out;
    *out++ = kHexDigits[byte >> 4U];
    *out++ = kHexDigits[byte & 15U];
    return out;
  }
}

} // namespace

std::size_t plain_run_scalar(std::string_view text) {
  std::size_t size = 0;
  while (size < kRunBytes && escaped_size(text[size]) == 1) {
    ++size;
  }
  return size;
}

#if defined(__SSE2__)

std::size_t plain_run(std::string_view text) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text.data()));
  const __m128i last_control = _mm_set1_epi8(0x1f);
  const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, last_control), bytes);
  const __m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
  const __m128i backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
  const __m128i special = _mm_or_si128(control, _mm_or_si128(quote, backslash));
  const auto mask = static_cast<std::uint16_t>(_mm_movemask_epi8(special));
  return static_cast<std::size_t>(std::countr_zero(mask)); // 16 where there is none
}

#elif defined(__ARM_NEON)

std::size_t plain_run(std::string_view text) {
  const uint8x16_t bytes = vld1q_u8(reinterpret_cast<const std::uint8_t*>(text.data()));
  const uint8x16_t control = vcltq_u8(bytes, vdupq_n_u8(0x20));
  const uint8x16_t quote = vceqq_u8(bytes, vdupq_n_u8('"'));
  const uint8x16_t backslash = vceqq_u8(bytes, vdupq_n_u8('\\'));
  const uint8x16_t special = vorrq_u8(control, vorrq_u8(quote, backslash));
  // NEON has no movemask: narrowing by 4 bits leaves 4 bits of the mask a byte.
  const uint8x8_t nibbles = vshrn_n_u16(vreinterpretq_u16_u8(special), 4);
  const std::uint64_t mask = vget_lane_u64(vreinterpret_u64_u8(nibbles), 0);
  return static_cast<std::size_t>(std::countr_zero(mask)) / 4; // 16 where there is none
}

#else

std::size_t plain_run(std::string_view text) {
  return plain_run_scalar(text);
}

#endif

std::size_t escaped_size(std::string_view text) {
  std::size_t size = 0;
  while (text.size() >= kRunBytes) {
    const std::size_t run = plain_run(text);
    size += run;
    text.remove_prefix(run);
    if (run < kRunBytes) {
      size += escaped_size(text.front());
      text.remove_prefix(1);
    }
  }
  for (const char character : text) {
    size += escaped_size(character);
  }
  return size;
}

char* escape(std::string_view text, char* out) {
  while (text.size() >= kRunBytes) {
    const std::size_t run = plain_run(text);
    out = std::ranges::copy(text.substr(0, run), out).out;
    text.remove_prefix(run);
    if (run < kRunBytes) {
      out = escape(text.front(), out);
      text.remove_prefix(1);
    }
  }
  for (const char character : text) {
    out = escape(character, out);
  }
  return out;
}

} // namespace pensieve::sse
