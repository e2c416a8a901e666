#pragma once

#include <cstddef>
#include <string_view>

namespace pensieve::sse {

// JSON string content: `"`, `\` and the 32 control characters are escaped, all other
// bytes stand for themselves. Source: RFC 8259, section 7.

std::size_t escaped_size(std::string_view text);

// Writes exactly escaped_size(text) bytes and returns the end of them.
char* escape(std::string_view text, char* out);

} // namespace pensieve::sse
