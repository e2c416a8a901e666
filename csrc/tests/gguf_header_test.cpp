#include "tests/gguf_file.hpp"

#include <doctest/doctest.h>

#include <array>

namespace pensieve::gguf {

TEST_CASE("a header without keys and tensors is 24 bytes") {
  const FileBytes file = FileBytes().head(0, 0);
  const Header header = file.parse();

  CHECK(file.size() == 24);
  CHECK(header.version == 3);
  CHECK(header.alignment == 32);
  CHECK(header.metadata.empty());
  CHECK(header.tensors.empty());
}

TEST_CASE("version 2 is laid out as version 3") {
  const FileBytes file = FileBytes().head(0, 1, 2).key("a", ValueType::kUint8).zeros(1);

  CHECK(file.parse().version == 2);
  CHECK(file.parse().metadata.size() == 1);
}

TEST_CASE("metadata says where each value is") {
  FileBytes file;
  file.head(0, 3).key("one", ValueType::kFloat64);
  const std::size_t one = file.size();
  file.number(0.5).array("three", ValueType::kInt16, 3);
  const std::size_t three = file.size();
  file.zeros(6).key("text", ValueType::kString);
  const std::size_t text = file.size();
  file.string("value");

  const Header header = file.parse();

  REQUIRE(header.metadata.size() == 3);
  CHECK(header.metadata[0].key == "one");
  CHECK(header.metadata[0].type == ValueType::kFloat64);
  CHECK_FALSE(header.metadata[0].is_array);
  CHECK(header.metadata[0].count == 1);
  CHECK(header.metadata[0].offset == one);
  CHECK(header.metadata[1].type == ValueType::kInt16);
  CHECK(header.metadata[1].is_array);
  CHECK(header.metadata[1].count == 3);
  CHECK(header.metadata[1].offset == three);
  CHECK(header.metadata[2].type == ValueType::kString);
  CHECK(header.metadata[2].offset == text);
  CHECK(header.metadata[0].num_bytes == 8);
  CHECK(header.metadata[1].num_bytes == 6);
  CHECK(header.metadata[2].num_bytes == 8 + 5);
}

TEST_CASE("every value type takes the room that the format gives it") {
  constexpr std::array<std::size_t, 13> kSizes = {1, 1, 2, 2, 4, 4, 4,
                                                  1, 8, 0, 8, 8, 8};
  for (std::uint32_t number = 0; number < kSizes.size(); ++number) {
    const auto type = static_cast<ValueType>(number);
    if (type == ValueType::kArray) {
      continue;
    }
    CAPTURE(number);
    FileBytes file;
    file.head(0, 2).key("first", type).zeros(kSizes.at(number));
    file.key("second", ValueType::kUint8).zeros(1);

    const Header header = file.parse();

    CHECK(header.metadata.at(1).key == "second");
    CHECK(header.metadata.at(1).offset == file.size() - 1);
  }
}

TEST_CASE("a tensor's bytes are counted in blocks, from the start of the file") {
  FileBytes file;
  file.head(2, 0).tensor("a", {64, 3}, 2, 0).tensor("b", {5}, 0, 128).pad(32);
  const std::size_t data_start = file.size();
  file.zeros(128 + 20);

  const Header header = file.parse();

  REQUIRE(header.tensors.size() == 2);
  CHECK(header.tensors[0].type->name == "Q4_0");
  CHECK(header.tensors[0].shape == std::vector<std::uint64_t>{64, 3});
  CHECK(header.tensors[0].num_bytes == 3 * 2 * 18);
  CHECK(header.tensors[0].offset == data_start);
  CHECK(header.tensors[1].num_bytes == 20);
  CHECK(header.tensors[1].offset == data_start + 128);
}

TEST_CASE("a tensor without dimensions is one number") {
  const FileBytes file = FileBytes().head(1, 0).tensor("a", {}).pad(32).zeros(4);
  const Header header = file.parse();

  CHECK(header.tensors.at(0).shape.empty());
  CHECK(header.tensors.at(0).num_bytes == 4);
}

TEST_CASE("the file's own alignment places the tensors") {
  FileBytes file;
  file.head(1, 1);
  file.key("general.alignment", ValueType::kUint32).number(std::uint32_t{256});
  file.tensor("a", {1}, 0, 256).pad(256).zeros(256 + 4);
  const Header header = file.parse();

  CHECK(header.alignment == 256);
  CHECK(header.tensors.at(0).offset == 512);
}

TEST_CASE("tensors may lie in any order, with room between them") {
  FileBytes file;
  file.head(2, 0).tensor("a", {8}, 0, 96).tensor("b", {8}, 0, 32).pad(32).zeros(128);
  const Header header = file.parse();

  CHECK(header.tensors.at(0).offset == header.tensors.at(1).offset + 64);
}

TEST_CASE("without tensors nothing need follow the table") {
  const FileBytes file = FileBytes().head(0, 1).key("a", ValueType::kBool).zeros(1);

  CHECK(file.size() % 32 != 0);
  CHECK(file.parse().metadata.size() == 1);
}

TEST_CASE("types that ggml has, run by Pensieve or not, are known by name") {
  CHECK(find_tensor_type(12)->name == "Q4_K");
  CHECK(find_tensor_type(10)->name == "Q2_K");
  CHECK(find_tensor_type(39)->name == "MXFP4");
  for (const std::uint32_t number : {4U, 5U, 31U, 38U, 42U, 0xffffffffU}) {
    CAPTURE(number);
    CHECK(find_tensor_type(number) == nullptr);
  }
}

} // namespace pensieve::gguf
