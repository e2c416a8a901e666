#pragma once

#include <cstddef>
#include <string_view>

namespace pensieve::sse {

// JSON string content: `"`, `\` and the 32 control characters are escaped, all other
// bytes stand for themselves. Source: RFC 8259, section 7.

inline constexpr std::size_t kRunBytes = 16;

// How many of the first kRunBytes bytes need no escape before one does: 0..16.
// `text` has at least kRunBytes.
std::size_t plain_run(std::string_view text);        // SSE2 or NEON where there is one
std::size_t plain_run_scalar(std::string_view text); // the same, byte by byte

std::size_t escaped_size(std::string_view text);

// Writes exactly escaped_size(text) bytes and returns the end of them.
char* escape(std::string_view text, char* out);

} // namespace pensieve::sse
