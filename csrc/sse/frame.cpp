#include "sse/frame.hpp"

#include <cstring>

namespace pensieve::sse {

namespace {

constexpr std::string_view kEvent = "event: ";
constexpr std::string_view kData = "\ndata: ";
constexpr std::string_view kEnd = "\n\n";
constexpr std::string_view kAfterText = "\"}}\n\n";

char* append(std::string_view text, char* out) {
  std::memcpy(out, text.data(), text.size());
  return out + text.size();
}

std::string quoted(std::string_view text) {
  std::string escaped(escaped_size(text), '\0');
  escape(text, escaped.data());
  return '"' + escaped + '"';
}

} // namespace

std::size_t find_line_end(std::string_view text) {
  return text.find_first_of("\r\n");
}

std::size_t frame_size(std::string_view event, std::string_view data) {
  return kEvent.size() + event.size() + kData.size() + data.size() + kEnd.size();
}

char* write_frame(std::string_view event, std::string_view data, char* out) {
  out = append(event, append(kEvent, out));
  out = append(data, append(kData, out));
  return append(kEnd, out);
}

DeltaTemplate::DeltaTemplate(long long index, std::string_view delta_type,
                             std::string_view field)
    : before_("event: content_block_delta\n"
              R"(data: {"type":"content_block_delta","index":)") {
  before_ += std::to_string(index);
  before_ += R"(,"delta":{"type":)" + quoted(delta_type);
  before_ += ',' + quoted(field) + R"(:")";
  short_frame_.append(before_).append(kShortRoom + kAfterText.size(), '\0');
}

char* DeltaTemplate::write(std::string_view text, char* out) const {
  return append(kAfterText, escape(text, append(before_, out)));
}

std::size_t DeltaTemplate::size_around(std::size_t escaped_bytes) const {
  return before_.size() + escaped_bytes + kAfterText.size();
}

char* DeltaTemplate::write_around(std::string_view escaped, char* out) const {
  return append(kAfterText, append(escaped, append(before_, out)));
}

std::string_view DeltaTemplate::frame_short(std::string_view text) {
  char* start = short_frame_.data();
  const char* end = append(kAfterText, escape_short(text, start + before_.size()));
  return {start, static_cast<std::size_t>(end - start)};
}

} // namespace pensieve::sse
