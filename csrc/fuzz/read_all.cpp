#include "fuzz/read_all.hpp"

#include "gguf/header.hpp"
#include "gguf/split.hpp"
#include "gguf/strings.hpp"
#include "gguf/utf8.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string_view>
#include <vector>

namespace pensieve::gguf {

namespace {

void require(bool holds, const char* what) {
  if (!holds) {
    static_cast<void>(std::fputs(what, stderr));
    std::abort();
  }
}

// Decodes each text to its characters, as the binding does.
void decode_all(const Strings& texts) {
  std::vector<std::uint32_t> characters;
  for (const std::string_view text : texts) {
    const Utf8Extent extent = utf8_extent(text);
    characters.assign(extent.num_characters, 0);
    decode_utf8(text, characters.data());
    for (const std::uint32_t character : characters) {
      require(character <= extent.limit, "a character is above the text's limit\n");
    }
  }
}

void read_values(std::span<const std::byte> file, const Metadata& metadata) {
  require(metadata.offset <= file.size() &&
              metadata.num_bytes <= file.size() - metadata.offset,
          "a value is not in the file\n");
  if (metadata.type != ValueType::kString) {
    return;
  }
  try {
    const Strings texts = strings(file, metadata);
    require(texts.size() == metadata.count, "strings are missing\n");
    decode_all(texts);
    static_cast<void>(positions(texts, {"a", ""}));
    static_cast<void>(first_without(texts, " ", 1));
  } catch (const std::invalid_argument&) {
    return; // not UTF-8
  }
}

void read_header(std::span<const std::byte> file, const Header& header) {
  for (const Metadata& metadata : header.metadata) {
    read_values(file, metadata);
  }
  std::uint64_t num_bytes = 0;
  for (const Tensor& tensor : header.tensors) {
    require(tensor.offset <= file.size() &&
                tensor.num_bytes <= file.size() - tensor.offset,
            "a tensor is not in the file\n");
    num_bytes += tensor.num_bytes;
  }
  require(num_bytes <= file.size(), "tensors share bytes\n");
}

} // namespace

InputParts parts_of(std::span<const std::byte> input) {
  constexpr std::string_view kTwoParts = "PART";
  if (input.size() < kPartsHead ||
      std::memcmp(input.data(), kTwoParts.data(), kTwoParts.size()) != 0) {
    return {input, {}};
  }
  std::uint32_t size = 0;
  std::memcpy(&size, input.data() + kTwoParts.size(), sizeof size);
  const auto rest = input.subspan(kPartsHead);
  const std::size_t first = std::min<std::size_t>(size, rest.size());
  return {rest.first(first), rest.subspan(first)};
}

bool read_all(std::span<const std::byte> input) {
  const auto [first, second] = parts_of(input);
  try {
    std::vector<Part> parts;
    parts.push_back(parse_part("m-00001-of-00002.gguf", first));
    read_header(first, parts.front().header);
    const std::size_t num_files = model_files(parts.front()).size();
    if (second.data() == nullptr) {
      return num_files == 1;
    }
    parts.push_back(parse_part("m-00002-of-00002.gguf", second));
    read_header(second, parts.back().header);
    require_one_model(parts);
  } catch (const std::invalid_argument&) {
    return false;
  }
  return true;
}

} // namespace pensieve::gguf
