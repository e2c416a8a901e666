#include "gguf/header.hpp"

#include "gguf/cursor.hpp"
#include "gguf/limits.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <iterator>
#include <limits>
#include <optional>
#include <string>

namespace pensieve::gguf {

namespace {

constexpr std::uint32_t kMagic = 0x46554747; // "GGUF"
constexpr std::uint32_t kDefaultAlignment = 32;

// The least that an entry takes up: a length, a type and one byte; a length, the number
// of dimensions, a type and an offset.
constexpr std::size_t kMinMetadataBytes = 8 + 4 + 1;
constexpr std::size_t kMinTensorBytes = 8 + 4 + 4 + 8;

// At its number in ValueType, the least that a value takes up: its size, or that of a
// string's length. Arrays are not values of arrays.
constexpr std::array<std::size_t, 13> kMinValueBytes = {1, 1, 2, 2, 4, 4, 4,
                                                        1, 8, 0, 8, 8, 8};

std::size_t min_value_bytes(ValueType type) {
  return kMinValueBytes.at(static_cast<std::size_t>(type));
}

std::string numbered(std::string_view noun, std::uint64_t index) {
  return std::string(noun) + " " + std::to_string(index);
}

// Returns a product, or nothing where it does not fit.
std::optional<std::uint64_t> multiply(std::uint64_t a, std::uint64_t b) {
  if (b != 0 && a > std::numeric_limits<std::uint64_t>::max() / b) {
    return std::nullopt;
  }
  return a * b;
}

std::uint64_t parse_count(Cursor& cursor, std::string_view where, std::uint64_t limit) {
  const auto count = cursor.number<std::uint64_t>(where);
  if (count > limit) {
    fail(where, "at most " + std::to_string(limit), std::to_string(count));
  }
  return count;
}

// Refuses a count whose entries cannot all be in what is left of the file.
void require_room(const Cursor& cursor, std::string_view where, std::uint64_t count,
                  std::size_t min_entry_bytes) {
  const std::uint64_t room = cursor.left() / min_entry_bytes;
  if (count > room) {
    fail(where, "at most " + std::to_string(room) + " in what is left of the file",
         std::to_string(count));
  }
}

// Names are shown to people and looked up: control characters and bytes that are not
// ASCII have no place in them.
std::string_view parse_name(Cursor& cursor, std::uint64_t max_bytes,
                            std::string_view where) {
  const std::string_view name = cursor.string(max_bytes, where);
  if (name.empty()) {
    fail(where, "a name", "an empty one");
  }
  for (const char character : name) {
    if (character < ' ' || character > '~') {
      fail(where, "printable ASCII",
           "byte " + std::to_string(static_cast<unsigned char>(character)));
    }
  }
  return name;
}

ValueType parse_value_type(Cursor& cursor, std::string_view key) {
  const auto number = cursor.number<std::uint32_t>(key);
  if (number > static_cast<std::uint32_t>(ValueType::kFloat64)) {
    fail(key, "a value type from 0 to 12", std::to_string(number));
  }
  return static_cast<ValueType>(number);
}

void skip_values(Cursor& cursor, const Metadata& metadata) {
  if (metadata.type == ValueType::kString) {
    for (std::uint64_t index = 0; index < metadata.count; ++index) {
      cursor.string(kMaxStringBytes, metadata.key);
    }
    return;
  }
  // At most kMaxArrayItems * 8.
  const std::span<const std::byte> values =
      cursor.skip(metadata.count * min_value_bytes(metadata.type), metadata.key);
  if (metadata.type == ValueType::kBool) {
    for (const std::byte value : values) {
      if (value > std::byte{1}) {
        fail(metadata.key, "0 or 1 as a bool",
             std::to_string(std::to_integer<unsigned>(value)));
      }
    }
  }
}

Metadata parse_metadata(Cursor& cursor, std::uint64_t index) {
  Metadata metadata{};
  metadata.key = parse_name(cursor, kMaxKeyBytes, numbered("key", index));
  metadata.type = parse_value_type(cursor, metadata.key);
  metadata.count = 1;
  if (metadata.type == ValueType::kArray) {
    metadata.is_array = true;
    metadata.type = parse_value_type(cursor, metadata.key);
    if (metadata.type == ValueType::kArray) {
      fail(metadata.key, "an array of single values", "an array of arrays");
    }
    metadata.count = parse_count(cursor, metadata.key, kMaxArrayItems);
    require_room(cursor, metadata.key, metadata.count, min_value_bytes(metadata.type));
  }
  metadata.offset = cursor.position();
  skip_values(cursor, metadata);
  metadata.num_bytes = cursor.position() - metadata.offset;
  return metadata;
}

// Leaves `offset` as the file has it, from the start of the tensors' data.
Tensor parse_tensor(Cursor& cursor, std::uint64_t index) {
  Tensor tensor{};
  tensor.name = parse_name(cursor, kMaxTensorNameBytes, numbered("tensor", index));

  const auto num_dimensions = cursor.number<std::uint32_t>(tensor.name);
  if (num_dimensions > kMaxDimensions) {
    fail(tensor.name, "at most 4 dimensions", std::to_string(num_dimensions));
  }
  std::uint64_t num_elements = 1;
  for (std::uint32_t dimension = 0; dimension < num_dimensions; ++dimension) {
    const auto size = cursor.number<std::uint64_t>(tensor.name);
    const auto product = multiply(num_elements, size);
    if (size == 0 || !product) {
      fail(tensor.name, "dimensions of at least 1 and of fewer than 2^64 elements",
           std::to_string(size) + " as dimension " + std::to_string(dimension));
    }
    num_elements = *product;
    tensor.shape.push_back(size);
  }

  const auto type_number = cursor.number<std::uint32_t>(tensor.name);
  tensor.type = find_tensor_type(type_number);
  if (tensor.type == nullptr) {
    fail(tensor.name, "a tensor type of ggml", std::to_string(type_number));
  }
  const std::uint64_t row_size = tensor.shape.empty() ? 1 : tensor.shape.front();
  if (row_size % tensor.type->block_size != 0) {
    fail(tensor.name,
         "rows of whole blocks of " + std::to_string(tensor.type->block_size),
         std::to_string(row_size));
  }
  const auto num_bytes =
      multiply(num_elements / tensor.type->block_size, tensor.type->block_bytes);
  if (!num_bytes) {
    fail(tensor.name, "fewer than 2^64 bytes",
         std::to_string(num_elements) + " elements");
  }
  tensor.num_bytes = *num_bytes;
  tensor.offset = cursor.number<std::uint64_t>(tensor.name);
  return tensor;
}

// Names any entry that comes twice. Sorting, not hashing: no choice of names is slow.
template <class Entry>
void require_unique(const std::vector<Entry>& entries, std::string_view Entry::* name,
                    std::string_view where) {
  std::vector<std::string_view> names;
  names.reserve(entries.size());
  for (const Entry& entry : entries) {
    names.push_back(entry.*name);
  }
  std::ranges::sort(names);
  const auto twice = std::ranges::adjacent_find(names);
  if (twice != names.end()) {
    fail(where, "each name once", std::string(*twice) + " twice");
  }
}

std::uint32_t parse_alignment(std::span<const std::byte> file,
                              const std::vector<Metadata>& metadata) {
  constexpr std::string_view kKey = "general.alignment";
  for (const Metadata& entry : metadata) {
    if (entry.key != kKey) {
      continue;
    }
    if (entry.type != ValueType::kUint32 || entry.is_array) {
      fail(kKey, "a uint32", "another type");
    }
    Cursor cursor(file, entry.offset);
    const auto alignment = cursor.number<std::uint32_t>(kKey);
    if (!std::has_single_bit(alignment) || alignment > kMaxAlignment) {
      fail(kKey, "a power of two up to " + std::to_string(kMaxAlignment),
           std::to_string(alignment));
    }
    return alignment;
  }
  return kDefaultAlignment;
}

// Makes the tensors' offsets count from the start of the file. Their data begins at
// the first multiple of the alignment after the table.
void place_tensors(Cursor cursor, std::uint32_t alignment,
                   std::vector<Tensor>& tensors) {
  if (tensors.empty()) {
    return; // and then nothing need follow the table
  }
  const std::size_t past = cursor.position() % alignment;
  cursor.skip(past == 0 ? 0 : alignment - past, "padding before the tensors");
  const std::size_t data_size = cursor.left();
  for (Tensor& tensor : tensors) {
    if (tensor.offset % alignment != 0) {
      fail(tensor.name, "an offset that is a multiple of " + std::to_string(alignment),
           std::to_string(tensor.offset));
    }
    if (tensor.offset > data_size || tensor.num_bytes > data_size - tensor.offset) {
      fail(tensor.name,
           "to lie in the file's " + std::to_string(data_size) + " bytes of tensors",
           std::to_string(tensor.num_bytes) + " bytes at offset " +
               std::to_string(tensor.offset));
    }
    tensor.offset += cursor.position(); // <= the file's size, as just checked
  }
}

// Refuses tensors that share bytes, as ggml does: a small file could state any amount
// of weights.
void require_apart(const std::vector<Tensor>& tensors) {
  std::vector<const Tensor*> placed;
  placed.reserve(tensors.size());
  for (const Tensor& tensor : tensors) {
    placed.push_back(&tensor);
  }
  std::ranges::sort(placed, {}, &Tensor::offset);
  const auto shared = std::ranges::adjacent_find(placed, [](auto* one, auto* next) {
    return next->offset - one->offset < one->num_bytes;
  });
  if (shared != placed.end()) {
    fail((*std::next(shared))->name, "bytes of its own",
         "some of " + std::string((*shared)->name));
  }
}

} // namespace

Header parse_header(std::span<const std::byte> file) {
  Cursor cursor(file);
  if (cursor.number<std::uint32_t>("magic") != kMagic) {
    fail("magic", "GGUF in the first 4 bytes", "another kind of file");
  }
  Header header{};
  header.version = cursor.number<std::uint32_t>("version");
  if (header.version != 2 && header.version != 3) {
    const bool is_big_endian = header.version != 0 && header.version % 65536 == 0;
    fail("version", "2 or 3, little-endian",
         is_big_endian ? "a big-endian file" : std::to_string(header.version));
  }
  const std::uint64_t num_tensors = parse_count(cursor, "tensor count", kMaxTensors);
  const std::uint64_t num_metadata = parse_count(cursor, "key count", kMaxMetadata);
  require_room(cursor, "tensor count", num_tensors, kMinTensorBytes);
  require_room(cursor, "key count", num_metadata, kMinMetadataBytes);

  for (std::uint64_t index = 0; index < num_metadata; ++index) {
    header.metadata.push_back(parse_metadata(cursor, index));
  }
  require_unique(header.metadata, &Metadata::key, "keys");
  header.alignment = parse_alignment(file, header.metadata);

  for (std::uint64_t index = 0; index < num_tensors; ++index) {
    header.tensors.push_back(parse_tensor(cursor, index));
  }
  require_unique(header.tensors, &Tensor::name, "tensors");
  place_tensors(cursor, header.alignment, header.tensors);
  require_apart(header.tensors);
  return header;
}

} // namespace pensieve::gguf
