#pragma once

#include "gguf/header.hpp"

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace pensieve::gguf {

using Strings = std::vector<std::string_view>;

// Returns the strings of a value of type kString, array or not: `count` views into
// `file`, all of them UTF-8. `metadata` is of the header parsed from `file`.
//
// Throws std::invalid_argument: "[gguf] tokens: expected UTF-8, got byte 255 at byte 1
// of string 7".
Strings strings(std::span<const std::byte> file, const Metadata& metadata);

// Returns, for each of `wanted`, the places at which `all` has it, ascending.
std::vector<std::vector<std::size_t>> positions(const Strings& all,
                                                const Strings& wanted);

// Returns the place of the first string that does not have `part` at or after its byte
// `start`.
std::optional<std::size_t> first_without(const Strings& all, std::string_view part,
                                         std::size_t start);

} // namespace pensieve::gguf
