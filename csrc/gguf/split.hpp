#pragma once

#include "gguf/header.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pensieve::gguf {

// A model in several files, as llama.cpp's gguf-split and gguf-py write it:
//
//   NAME-00001-of-00003.gguf, NAME-00002-of-00003.gguf, NAME-00003-of-00003.gguf
//
// each a whole GGUF file with tensors of its own and the keys split.no (from 0),
// split.count and split.tensors.count (of all parts); the first has the model's other
// keys. A count of 0 or 1 is a model in one file.

// A file that belongs to a model, alone or as a part of it.
struct Part {
  std::string name;                // the file's, without its folder
  std::span<const std::byte> file; // borrowed
  Header header;                   // its views point into `file`
};

// A part's name, taken apart.
struct PartName {
  std::string_view stem; // "NAME"
  std::uint32_t number;  // from 1
  std::uint32_t count;   // >= number
};

// Returns nothing for a name that no part has.
std::optional<PartName> parse_part_name(std::string_view file_name);

// Returns the names of all parts of the model to which a file of this name belongs, in
// order, or the name alone if no part is named so. At most kMaxParts are named.
std::vector<std::string> part_names(std::string_view file_name);

// Returns the names of all files of the model whose first is `first`.
//
// Throws std::invalid_argument: it is another part, or is not named as the first.
std::vector<std::string> model_files(const Part& first);

// Parses the header of a part that is not the first. Its name is in the errors.
Part parse_part(std::string name, std::span<const std::byte> file);

// `parts` are the files that model_files() named, in order.
//
// Throws std::invalid_argument: one of them is another part, or another model's: its
// numbers are wrong, tensors come twice or not at all, or it has a key whose value is
// another one in the first.
void require_one_model(const std::vector<Part>& parts);

} // namespace pensieve::gguf
