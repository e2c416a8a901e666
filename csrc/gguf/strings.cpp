#include "gguf/strings.hpp"

#include "gguf/cursor.hpp"
#include "gguf/limits.hpp"
#include "gguf/utf8.hpp"

#include <string>

namespace pensieve::gguf {

Strings strings(std::span<const std::byte> file, const Metadata& metadata) {
  Cursor cursor(file, metadata.offset);
  Strings found;
  found.reserve(metadata.count); // each is known to be there
  for (std::uint64_t index = 0; index < metadata.count; ++index) {
    const std::string_view text = cursor.string(kMaxStringBytes, metadata.key);
    const std::size_t valid = valid_utf8_prefix(text);
    if (valid != text.size()) {
      fail(metadata.key, "UTF-8",
           "byte " + std::to_string(static_cast<unsigned char>(text[valid])) +
               " at byte " + std::to_string(valid) + " of string " +
               std::to_string(index));
    }
    found.push_back(text);
  }
  return found;
}

std::vector<std::vector<std::size_t>> positions(const Strings& all,
                                                const Strings& wanted) {
  std::vector<std::vector<std::size_t>> found(wanted.size());
  for (std::size_t place = 0; place < all.size(); ++place) {
    for (std::size_t index = 0; index < wanted.size(); ++index) {
      if (all[place] == wanted[index]) {
        found[index].push_back(place);
      }
    }
  }
  return found;
}

std::optional<std::size_t> first_without(const Strings& all, std::string_view part,
                                         std::size_t start) {
  for (std::size_t place = 0; place < all.size(); ++place) {
    if (all[place].find(part, start) == std::string_view::npos) {
      return place;
    }
  }
  return std::nullopt;
}

} // namespace pensieve::gguf
