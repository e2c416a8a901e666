#include "gguf/split.hpp"

#include "gguf/limits.hpp"
#include "tests/gguf_file.hpp"
#include "tests/refusal.hpp"

#include <doctest/doctest.h>

namespace pensieve::gguf {

namespace {

struct Numbers {
  std::uint16_t index;
  std::uint16_t count;
  std::int32_t num_tensors;
};

// A part with one tensor, and keys of the types that llama.cpp's gguf-split gives them.
FileBytes part_bytes(Numbers numbers, std::string_view tensor,
                     std::string_view architecture = "llama") {
  FileBytes file;
  file.head(1, 4).key("general.architecture", ValueType::kString).string(architecture);
  file.key("split.no", ValueType::kUint16).number(numbers.index);
  file.key("split.count", ValueType::kUint16).number(numbers.count);
  file.key("split.tensors.count", ValueType::kInt32).number(numbers.num_tensors);
  return file.tensor(tensor, {1}).pad(32).zeros(4);
}

Part part_of(std::string name, const FileBytes& file) {
  return parse_part(std::move(name), file.bytes());
}

// A whole file with one key.
template <class Number>
FileBytes with_key(std::string_view key, ValueType type, Number value) {
  return FileBytes().head(0, 1).key(key, type).number(value);
}

std::string refusal_of_parts(const FileBytes& first, const FileBytes& second) {
  return refusal_of([&] {
    require_one_model({part_of("m-00001-of-00002.gguf", first),
                       part_of("m-00002-of-00002.gguf", second)});
    return 0;
  });
}

} // namespace

TEST_CASE("a part's name is taken apart") {
  const auto part =
      parse_part_name("a-b-00002-of-00010.gguf").value_or(PartName{"", 0, 0});

  CHECK(part.stem == "a-b");
  CHECK(part.number == 2);
  CHECK(part.count == 10);
}

TEST_CASE("names that no part has") {
  for (const std::string_view name :
       {"", "model.gguf", "-00001-of-00002.gguf", "m-00001-of-00002.GGUF",
        "m-0001-of-00002.gguf", "m-00000-of-00002.gguf", "m-00003-of-00002.gguf",
        "m-000x1-of-00002.gguf", "m-00001-of-000x2.gguf", "m_00001-of-00002.gguf",
        "m-00001-or-00002.gguf", "m--0001-of-00002.gguf", "m-00001-of-00002.gguf "}) {
    CAPTURE(name);
    CHECK_FALSE(parse_part_name(name));
    CHECK(part_names(name) == std::vector<std::string>{std::string(name)});
  }
}

TEST_CASE("any part names all of them") {
  using Names = std::vector<std::string>;
  const Names all = {"m-00001-of-00002.gguf", "m-00002-of-00002.gguf"};

  CHECK(part_names("m-00001-of-00002.gguf") == all);
  CHECK(part_names("m-00002-of-00002.gguf") == all);
  CHECK(part_names("m-00001-of-00512.gguf").size() == kMaxParts);
  CHECK(part_names("m-00001-of-00513.gguf") == Names{"m-00001-of-00513.gguf"});
}

TEST_CASE("a model in one file is that file, whatever it says of the split it was") {
  const std::vector<std::string> alone = {"m.gguf"};

  const FileBytes silent = FileBytes().head(0, 0);
  CHECK(model_files(part_of("m.gguf", silent)) == alone);
  for (const std::uint16_t count : {std::uint16_t{0}, std::uint16_t{1}}) {
    const FileBytes file = with_key("split.count", ValueType::kUint16, count);
    CHECK(model_files(part_of("m.gguf", file)) == alone);
    require_one_model({part_of("m.gguf", file)});
  }
}

TEST_CASE("the first part names the files of the model") {
  const FileBytes file = part_bytes({0, 3, 3}, "a");

  CHECK(model_files(part_of("m-00001-of-00003.gguf", file)) ==
        std::vector<std::string>{"m-00001-of-00003.gguf", "m-00002-of-00003.gguf",
                                 "m-00003-of-00003.gguf"});
}

TEST_CASE("another part than the first, and names that do not fit, are refused") {
  const auto refusal = [](const std::string& name, const FileBytes& file) {
    return refusal_of([&] { return model_files(part_of(name, file)); });
  };
  CHECK(refusal("m-00002-of-00003.gguf", part_bytes({1, 3, 3}, "a")) ==
        "split.no: expected 0, the first part's: it opens all, got 1");
  CHECK(refusal("m.gguf", with_key("split.count", ValueType::kInt64, 2LL)) ==
        "split.no: expected 0, the first part's: it opens all, got no such key");
  const std::string expected =
      "file name: expected one that ends in -00001-of-00003.gguf, got ";
  for (const std::string name :
       {"m.gguf", "m-00002-of-00003.gguf", "m-00001-of-00002.gguf"}) {
    CHECK(refusal(name, part_bytes({0, 3, 3}, "a")) == expected + name);
  }
  CHECK(refusal("m.gguf",
                with_key("split.count", ValueType::kUint16, std::uint16_t{513})) ==
        "split.count: expected at most 512, got 513");
}

TEST_CASE("numbers of parts may be of any whole type, and are at least 0") {
  const auto files = [](const FileBytes& file) {
    return model_files(part_of("m.gguf", file)).size();
  };
  CHECK(files(with_key("split.count", ValueType::kUint8, std::uint8_t{1})) == 1);
  CHECK(files(with_key("split.count", ValueType::kInt8, std::int8_t{1})) == 1);
  CHECK(files(with_key("split.count", ValueType::kInt16, std::int16_t{1})) == 1);
  CHECK(files(with_key("split.count", ValueType::kUint32, 1U)) == 1);
  CHECK(files(with_key("split.count", ValueType::kInt32, 1)) == 1);
  CHECK(files(with_key("split.count", ValueType::kUint64, 1ULL)) == 1);

  FileBytes array;
  array.head(0, 1).array("split.count", ValueType::kUint16, 0);
  for (const FileBytes& file : {array, with_key("split.count", ValueType::kInt32, -1),
                                with_key("split.count", ValueType::kUint64, ~0ULL),
                                with_key("split.count", ValueType::kFloat32, 2.0F)}) {
    CHECK(refusal_of([&] { return files(file); }) ==
          "m.gguf: split.count: expected a whole number of at least 0, "
          "got another value");
  }
}

TEST_CASE("parts of one model are taken, with keys that only one has") {
  FileBytes second;
  second.head(1, 3).key("split.no", ValueType::kUint32).number(1U);
  second.key("split.count", ValueType::kUint32).number(2U);
  second.key("general.alignment", ValueType::kUint32).number(64U);
  second.tensor("b", {1}).pad(64).zeros(4);

  CHECK(refusal_of_parts(part_bytes({0, 2, 2}, "a"), second) == "not refused");
  CHECK(refusal_of_parts(part_bytes({0, 2, 2}, "a"), part_bytes({1, 2, 2}, "b")) ==
        "not refused");
}

TEST_CASE("parts of other models, and the same part twice, are refused") {
  const FileBytes first = part_bytes({0, 2, 2}, "a");

  CHECK(refusal_of_parts(first, first) ==
        "m-00002-of-00002.gguf: split.no: expected 1, got 0");
  CHECK(refusal_of_parts(first, FileBytes().head(0, 0)) ==
        "m-00002-of-00002.gguf: split.no: expected 1, got no such key");
  CHECK(refusal_of_parts(first, part_bytes({1, 3, 2}, "b")) ==
        "m-00002-of-00002.gguf: split.count: expected 2, got 3");
  CHECK(refusal_of_parts(first, part_bytes({1, 2, 5}, "b")) ==
        "m-00002-of-00002.gguf: split.tensors.count: expected 2, got 5");
  CHECK(refusal_of_parts(first, part_bytes({1, 2, 2}, "b", "qwen")) ==
        "m-00002-of-00002.gguf: general.architecture: "
        "expected the value of m-00001-of-00002.gguf, got another one");
  CHECK(refusal_of_parts(first, part_bytes({1, 2, 2}, "a")) ==
        "tensors: expected each name in one part, got a in two");
  CHECK(refusal_of_parts(part_bytes({0, 2, 3}, "a"), part_bytes({1, 2, 3}, "b")) ==
        "m-00001-of-00002.gguf: split.tensors.count: "
        "expected 2, as many as the parts have, got 3");
}

TEST_CASE("a damaged part is refused by name") {
  const FileBytes file = FileBytes().text("GGUF");

  CHECK(refusal_of([&] { return part_of("m-00002-of-00002.gguf", file); }) ==
        "m-00002-of-00002.gguf: version: expected 4 bytes from byte 4, "
        "got 0 before the end of the file");
}

TEST_CASE("all parts together have no more tensors than one file may have") {
  const FileBytes first = part_bytes({0, 2, 2}, "a");
  const FileBytes second = part_bytes({1, 2, 2}, "b");
  std::vector<Part> parts = {part_of("m-00001-of-00002.gguf", first),
                             part_of("m-00002-of-00002.gguf", second)};
  parts.back().header.tensors.resize(kMaxTensors,
                                     Tensor{}); // not parsed: that takes long

  CHECK(refusal_of([&] {
          require_one_model(parts);
          return 0;
        }) == "tensor count: expected at most 1048576 in all parts, got 1048577");
}

} // namespace pensieve::gguf
