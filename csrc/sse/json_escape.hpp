#pragma once

#include <cstddef>
#include <string_view>

namespace pensieve::sse {

// JSON string content: `"`, `\` and the 32 control characters are escaped, all other
// bytes stand for themselves. Source: RFC 8259, section 7.

std::size_t escaped_size(std::string_view text);

// Whether nothing in it is escaped.
bool is_plain(std::string_view text);

// Writes exactly escaped_size(text) bytes and returns the end of them.
char* escape(std::string_view text, char* out);

inline constexpr std::size_t kShortBytes = 256;

// What a short text takes at most, with room to write in whole blocks.
inline constexpr std::size_t kShortRoom = 6 * kShortBytes + 32;

// Escapes a text of at most kShortBytes into kShortRoom bytes, and returns the end.
char* escape_short(std::string_view text, char* out);

} // namespace pensieve::sse
