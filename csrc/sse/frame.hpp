#pragma once

#include "sse/json_escape.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace pensieve::sse {

// Server-sent events: `event: EVENT\ndata: DATA\n\n`. The caller sizes the buffer.
// Source: WHATWG HTML, "9.2.6 Interpreting an event stream": CR, LF and CRLF end a
// line.

// Where the first byte is that would end a line, or npos.
std::size_t find_line_end(std::string_view text);

std::size_t frame_size(std::string_view event, std::string_view data);

// Writes exactly frame_size(event, data) bytes and returns the end of them.
char* write_frame(std::string_view event, std::string_view data, char* out);

// The content_block_delta events of one block: all but the text is rendered once.
class DeltaTemplate {
public:
  DeltaTemplate() = default;
  DeltaTemplate(long long index, std::string_view delta_type, std::string_view field);

  // `text` is UTF-8.
  [[nodiscard]] std::size_t size(std::string_view text) const {
    return size_around(escaped_size(text));
  }

  // Writes exactly size(text) bytes and returns the end of them.
  char* write(std::string_view text, char* out) const;

  // The same with a text that is escaped already.
  [[nodiscard]] std::size_t size_around(std::size_t escaped_bytes) const;
  char* write_around(std::string_view escaped, char* out) const;

  // Frames a text of at most kShortBytes in memory of its own: what it returns holds
  // until the next call. PERF: what is before the text stays there.
  std::string_view frame_short(std::string_view text);

private:
  std::string before_;
  std::string short_frame_;
};

} // namespace pensieve::sse
