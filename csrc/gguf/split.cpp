#include "gguf/split.hpp"

#include "gguf/cursor.hpp"
#include "gguf/limits.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace pensieve::gguf {

namespace {

constexpr std::string_view kIndex = "split.no";
constexpr std::string_view kCount = "split.count";
constexpr std::string_view kNumTensors = "split.tensors.count";

constexpr std::string_view kSuffix = ".gguf";
constexpr std::string_view kOf = "-of-";
constexpr std::size_t kDigits = 5;

std::optional<std::uint32_t> five_digits(std::string_view text) {
  std::uint32_t number = 0;
  for (const char digit : text.substr(0, kDigits)) {
    if (digit < '0' || digit > '9') {
      return std::nullopt;
    }
    number = 10 * number + static_cast<std::uint32_t>(digit - '0');
  }
  return number;
}

std::string padded(std::uint64_t number) {
  const std::string digits = std::to_string(number);
  return std::string(kDigits - std::min(kDigits, digits.size()), '0') + digits;
}

std::string part_ending(std::uint64_t number, std::uint64_t count) {
  return "-" + padded(number) + std::string(kOf) + padded(count) + std::string(kSuffix);
}

const Metadata* find_key(const Header& header, std::string_view key) {
  const auto found = std::ranges::find(header.metadata, key, &Metadata::key);
  return found == header.metadata.end() ? nullptr : &*found;
}

// The bytes of a value, from its first item to its last.
std::string_view value_bytes(const Part& part, const Metadata& metadata) {
  return {reinterpret_cast<const char*>(part.file.data()) + metadata.offset,
          metadata.num_bytes};
}

// Returns a key's whole number of at least 0, nothing where there is no such key.
std::optional<std::uint64_t> number_of(const Part& part, std::string_view key) {
  const Metadata* const metadata = find_key(part.header, key);
  if (metadata == nullptr) {
    return std::nullopt;
  }
  Cursor cursor(part.file, metadata->offset);
  std::int64_t number = -1;
  if (!metadata->is_array) {
    switch (metadata->type) {
    case ValueType::kUint8:
      number = cursor.number<std::uint8_t>(key);
      break;
    case ValueType::kInt8: {
      const auto byte = cursor.number<std::uint8_t>(key);
      number = byte < 0x80 ? byte : -1;
      break;
    }
    case ValueType::kUint16:
      number = cursor.number<std::uint16_t>(key);
      break;
    case ValueType::kInt16:
      number = cursor.number<std::int16_t>(key);
      break;
    case ValueType::kUint32:
      number = cursor.number<std::uint32_t>(key);
      break;
    case ValueType::kInt32:
      number = cursor.number<std::int32_t>(key);
      break;
    case ValueType::kUint64: // above 2^63: negative, and refused
    case ValueType::kInt64:
      number = cursor.number<std::int64_t>(key);
      break;
    default:
      break;
    }
  }
  if (number < 0) {
    fail(part.name + ": " + std::string(key), "a whole number of at least 0",
         "another value");
  }
  return static_cast<std::uint64_t>(number);
}

std::string shown(const std::optional<std::uint64_t>& number) {
  return number ? std::to_string(*number) : "no such key";
}

void require_number(const Part& part, std::string_view key, std::uint64_t expected) {
  const auto number = number_of(part, key);
  if (number != expected) {
    fail(part.name + ": " + std::string(key), std::to_string(expected), shown(number));
  }
}

bool is_own(std::string_view key) {
  return key.starts_with("split.") || key == "general.alignment";
}

// `by_key` are the first part's, sorted: no choice of keys is slow.
void require_same_values(const Part& first, const std::vector<Metadata>& by_key,
                         const Part& part) {
  for (const Metadata& metadata : part.header.metadata) {
    const auto other =
        std::ranges::lower_bound(by_key, metadata.key, {}, &Metadata::key);
    if (other == by_key.end() || other->key != metadata.key || is_own(metadata.key)) {
      continue;
    }
    if (metadata.type != other->type || metadata.is_array != other->is_array ||
        value_bytes(part, metadata) != value_bytes(first, *other)) {
      fail(part.name + ": " + std::string(metadata.key), "the value of " + first.name,
           "another one");
    }
  }
}

void require_unique_tensors(const std::vector<Part>& parts) {
  std::vector<std::string_view> names;
  for (const Part& part : parts) {
    for (const Tensor& tensor : part.header.tensors) {
      names.push_back(tensor.name);
    }
  }
  if (names.size() > kMaxTensors) {
    fail("tensor count", "at most " + std::to_string(kMaxTensors) + " in all parts",
         std::to_string(names.size()));
  }
  std::ranges::sort(names);
  const auto twice = std::ranges::adjacent_find(names);
  if (twice != names.end()) {
    fail("tensors", "each name in one part", std::string(*twice) + " in two");
  }
  const Part& first = parts.front();
  const auto stated = number_of(first, kNumTensors);
  if (stated != names.size()) {
    fail(first.name + ": " + std::string(kNumTensors),
         std::to_string(names.size()) + ", as many as the parts have", shown(stated));
  }
}

} // namespace

std::optional<PartName> parse_part_name(std::string_view file_name) {
  const std::size_t ending = 1 + kDigits + kOf.size() + kDigits + kSuffix.size();
  if (file_name.size() <= ending || !file_name.ends_with(kSuffix)) {
    return std::nullopt;
  }
  const std::string_view tail = file_name.substr(file_name.size() - ending);
  const auto number = five_digits(tail.substr(1));
  const auto count = five_digits(tail.substr(1 + kDigits + kOf.size()));
  if (tail.front() != '-' || tail.substr(1 + kDigits, kOf.size()) != kOf || !number ||
      !count || *number < 1 || *number > *count) {
    return std::nullopt;
  }
  return PartName{file_name.substr(0, file_name.size() - ending), *number, *count};
}

std::vector<std::string> part_names(std::string_view file_name) {
  const auto part = parse_part_name(file_name);
  if (!part || part->count > kMaxParts) {
    return {std::string(file_name)};
  }
  std::vector<std::string> names;
  names.reserve(part->count);
  for (std::uint32_t number = 1; number <= part->count; ++number) {
    names.push_back(std::string(part->stem) + part_ending(number, part->count));
  }
  return names;
}

std::vector<std::string> model_files(const Part& first) {
  const std::uint64_t count = number_of(first, kCount).value_or(1);
  if (count < 2) {
    return {first.name};
  }
  if (count > kMaxParts) {
    fail(kCount, "at most " + std::to_string(kMaxParts), std::to_string(count));
  }
  const auto index = number_of(first, kIndex);
  if (index != 0U) {
    fail(kIndex, "0, the first part's: it opens all", shown(index));
  }
  const auto name = parse_part_name(first.name);
  if (!name || name->number != 1 || name->count != count) {
    fail("file name", "one that ends in " + part_ending(1, count), first.name);
  }
  return part_names(first.name);
}

Part parse_part(std::string name, std::span<const std::byte> file) {
  Part part{std::move(name), file, {}};
  try {
    part.header = parse_header(file);
  } catch (const std::invalid_argument& error) {
    constexpr std::string_view kOpening = "[gguf] ";
    const std::string reason = error.what();
    throw std::invalid_argument(reason.substr(0, kOpening.size()) + part.name + ": " +
                                reason.substr(kOpening.size()));
  }
  return part;
}

void require_one_model(const std::vector<Part>& parts) {
  if (parts.size() == 1) {
    return;
  }
  const Part& first = parts.front();
  const auto num_tensors = number_of(first, kNumTensors);
  std::vector<Metadata> by_key = first.header.metadata;
  std::ranges::sort(by_key, {}, &Metadata::key);
  for (std::size_t index = 1; index < parts.size(); ++index) {
    const Part& part = parts[index];
    require_number(part, kIndex, index);
    require_number(part, kCount, parts.size());
    const auto stated = number_of(part, kNumTensors);
    if (stated && stated != num_tensors) {
      fail(part.name + ": " + std::string(kNumTensors), shown(num_tensors),
           shown(stated));
    }
    require_same_values(first, by_key, part);
  }
  require_unique_tensors(parts);
}

} // namespace pensieve::gguf
