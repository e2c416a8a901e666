// Faults that GGUF readers have had, by the CVE where there is one, and the others that
// the format allows. Each is refused for its own reason, which the message shows.

#include "tests/gguf_file.hpp"
#include "tests/refusal.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <string>

namespace pensieve::gguf {

namespace {

constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();

std::string refusal(const FileBytes& file) {
  return refusal_of([&] { return file.parse(); });
}

FileBytes with_alignment(std::uint32_t alignment) {
  return FileBytes()
      .head(0, 1)
      .key("general.alignment", ValueType::kUint32)
      .number(alignment);
}

} // namespace

TEST_CASE("other kinds of file") {
  CHECK(refusal(FileBytes()) ==
        "magic: expected 4 bytes from byte 0, got 0 before the end of the file");
  CHECK(refusal(FileBytes().text("PK\x03\x04").zeros(64)) ==
        "magic: expected GGUF in the first 4 bytes, got another kind of file");
  CHECK(refusal(FileBytes().head(0, 0, 1)) ==
        "version: expected 2 or 3, little-endian, got 1");
  CHECK(refusal(FileBytes().head(0, 0, 0x03000000)) ==
        "version: expected 2 or 3, little-endian, got a big-endian file");
}

TEST_CASE("CVE-2024-23605: a key count times the size of an entry wraps") {
  CHECK(refusal(FileBytes().head(0, kMax)) ==
        "key count: expected at most 65536, got 18446744073709551615");
}

TEST_CASE("CVE-2024-21836: a tensor count times the size of an entry wraps") {
  CHECK(refusal(FileBytes().head(1ULL << 60U, 0)) ==
        "tensor count: expected at most 1048576, got 1152921504606846976");
}

TEST_CASE("counts that the file cannot hold") {
  CHECK(refusal(FileBytes().head(0, 2).zeros(13)) ==
        "key count: expected at most 1 in what is left of the file, got 2");
  CHECK(refusal(FileBytes().head(2, 0).zeros(24)) ==
        "tensor count: expected at most 1 in what is left of the file, got 2");
}

TEST_CASE("CVE-2024-23496: a string's length plus one wraps") {
  CHECK(refusal(FileBytes().head(0, 1).number(kMax).zeros(64)) ==
        "key 0: expected a string of at most 65535 bytes, got 18446744073709551615");
  CHECK(refusal(FileBytes().head(0, 1).key("a", ValueType::kString).number(kMax)) ==
        "a: expected a string of at most 67108864 bytes, got 18446744073709551615");
}

TEST_CASE("CVE-2025-49847: a vocabulary piece longer than 31 bits") {
  FileBytes file;
  file.head(0, 1).array("tokens", ValueType::kString, 1);
  file.number(std::uint64_t{1} << 31U).zeros(64);

  CHECK(refusal(file) ==
        "tokens: expected a string of at most 67108864 bytes, got 2147483648");
}

TEST_CASE("strings that end after the file") {
  FileBytes file;
  file.head(0, 1).key("a", ValueType::kString).number(std::uint64_t{9}).zeros(8);

  CHECK(refusal(file) ==
        "a: expected 9 bytes from byte 45, got 8 before the end of the file");
}

TEST_CASE("CVE-2024-21825: an array's count times the size of an item wraps") {
  FileBytes file;
  file.head(0, 1).array("a", ValueType::kUint64, (1ULL << 61U) + 1).zeros(8);

  CHECK(refusal(file) == "a: expected at most 16777216, got 2305843009213693953");
}

TEST_CASE("arrays that the file cannot hold") {
  FileBytes numbers;
  numbers.head(0, 1).array("a", ValueType::kUint32, 3).zeros(8);
  CHECK(refusal(numbers) == "a: expected at most 2 in what is left of the file, got 3");

  FileBytes texts;
  texts.head(0, 1).array("a", ValueType::kString, 2).string("12345678");
  CHECK(refusal(texts) ==
        "a: expected 8 bytes from byte 65, got 0 before the end of the file");
}

TEST_CASE("arrays of arrays") {
  CHECK(refusal(FileBytes().head(0, 1).array("a", ValueType::kArray, 1).zeros(64)) ==
        "a: expected an array of single values, got an array of arrays");
}

TEST_CASE("value types that do not exist") {
  CHECK(refusal(FileBytes().head(0, 1).key("a", ValueType{13}).zeros(8)) ==
        "a: expected a value type from 0 to 12, got 13");
  CHECK(refusal(FileBytes().head(0, 1).array("a", ValueType{0xffffffff}, 0)) ==
        "a: expected a value type from 0 to 12, got 4294967295");
}

TEST_CASE("bools other than 0 and 1") {
  FileBytes file;
  file.head(0, 1).array("a", ValueType::kBool, 2);
  file.number(std::uint8_t{1}).number(std::uint8_t{2});

  CHECK(refusal(file) == "a: expected 0 or 1 as a bool, got 2");
}

TEST_CASE("names with control characters or bytes that are not ASCII") {
  CHECK(refusal(FileBytes().head(0, 1).key("a\n", ValueType::kUint8).zeros(1)) ==
        "key 0: expected printable ASCII, got byte 10");
  CHECK(refusal(FileBytes().head(1, 0).tensor("\xc3\xa9", {1})) ==
        "tensor 0: expected printable ASCII, got byte 195");
}

TEST_CASE("names longer than the format allows") {
  const std::string name(65, 'x');

  CHECK(refusal(FileBytes().head(1, 0).tensor(name, {1})) ==
        "tensor 0: expected a string of at most 64 bytes, got 65");
}

TEST_CASE("names without a character") {
  CHECK(refusal(FileBytes().head(0, 1).key("", ValueType::kUint64).zeros(8)) ==
        "key 0: expected a name, got an empty one");
  CHECK(refusal(FileBytes().head(1, 0).tensor("", {1}).zeros(8)) ==
        "tensor 0: expected a name, got an empty one");
}

TEST_CASE("keys that come twice") {
  FileBytes file;
  file.head(0, 3);
  for (const std::string_view key : {"a", "b", "a"}) {
    file.key(key, ValueType::kUint8).zeros(1);
  }

  CHECK(refusal(file) == "keys: expected each name once, got a twice");
}

TEST_CASE("tensors that come twice") {
  FileBytes file;
  file.head(2, 0).tensor("a", {1}).tensor("a", {1}).pad(32).zeros(32);

  CHECK(refusal(file) == "tensors: expected each name once, got a twice");
}

TEST_CASE("tensors that share bytes") {
  FileBytes same;
  same.head(2, 0).tensor("a", {8}).tensor("b", {4}).pad(32).zeros(32);
  CHECK(refusal(same) == "b: expected bytes of its own, got some of a");

  FileBytes end;
  end.head(3, 0).tensor("c", {8}, 0, 96).tensor("b", {8}, 0, 32);
  end.tensor("a", {9}, 0, 64).pad(32).zeros(128);
  CHECK(refusal(end) == "c: expected bytes of its own, got some of a");
}

TEST_CASE("alignments of 0, not a power of two, too big, of another type") {
  const std::string expected =
      "general.alignment: expected a power of two up to 1048576, got ";
  for (const std::uint32_t alignment : {0U, 24U, 1U << 21U}) {
    CHECK(refusal(with_alignment(alignment)) == expected + std::to_string(alignment));
  }
  CHECK(with_alignment(1U << 20U).parse().alignment == 1U << 20U);

  FileBytes wide;
  wide.head(0, 1).key("general.alignment", ValueType::kUint64).number(1ULL << 5U);
  CHECK(refusal(wide) == "general.alignment: expected a uint32, got another type");
  FileBytes array;
  array.head(0, 1).array("general.alignment", ValueType::kUint32, 0);
  CHECK(refusal(array) == "general.alignment: expected a uint32, got another type");
}

TEST_CASE("CVE-2024-21802: more dimensions than there is room for") {
  CHECK(refusal(FileBytes().head(1, 0).tensor("a", {1, 1, 1, 1, 1, 1, 1, 1, 1})) ==
        "a: expected at most 4 dimensions, got 9");
}

TEST_CASE("dimensions of 0") {
  CHECK(refusal(FileBytes().head(1, 0).tensor("a", {4, 0})) ==
        "a: expected dimensions of at least 1 and of fewer than 2^64 elements, "
        "got 0 as dimension 1");
}

TEST_CASE("CVE-2026-33298: dimensions whose product, or size in bytes, wraps") {
  CHECK(refusal(FileBytes().head(1, 0).tensor("a", {1ULL << 33U, 1ULL << 33U})) ==
        "a: expected dimensions of at least 1 and of fewer than 2^64 elements, "
        "got 8589934592 as dimension 1");
  CHECK(refusal(FileBytes().head(1, 0).tensor("a", {1ULL << 62U})) ==
        "a: expected fewer than 2^64 bytes, got 4611686018427387904 elements");
}

TEST_CASE("CVE-2025-53630, CVE-2026-7482: a tensor larger than the file") {
  CHECK(refusal(FileBytes().head(1, 0).tensor("a", {1ULL << 20U}).pad(32).zeros(64)) ==
        "a: expected to lie in the file's 64 bytes of tensors, "
        "got 4194304 bytes at offset 0");
}

TEST_CASE("CVE-2026-27940: an offset that wraps when something is added to it") {
  FileBytes file;
  file.head(1, 0).tensor("a", {8}, 0, kMax - 31).pad(32).zeros(64);

  CHECK(refusal(file) == "a: expected to lie in the file's 64 bytes of tensors, "
                         "got 32 bytes at offset 18446744073709551584");
}

TEST_CASE("offsets between two multiples of the alignment") {
  CHECK(refusal(FileBytes().head(1, 0).tensor("a", {1}, 0, 16).pad(32).zeros(64)) ==
        "a: expected an offset that is a multiple of 32, got 16");
}

TEST_CASE("a table of tensors with no room for the padding after it") {
  CHECK(refusal(FileBytes().head(1, 0).tensor("a", {1})) ==
        "padding before the tensors: expected 7 bytes from byte 57, "
        "got 0 before the end of the file");
}

TEST_CASE("tensor types that ggml does not have") {
  CHECK(refusal(FileBytes().head(1, 0).tensor("a", {32}, 99)) ==
        "a: expected a tensor type of ggml, got 99");
}

TEST_CASE("rows that are not whole blocks") {
  CHECK(refusal(FileBytes().head(1, 0).tensor("a", {33, 32}, 2)) ==
        "a: expected rows of whole blocks of 32, got 33");
  CHECK(refusal(FileBytes().head(1, 0).tensor("a", {}, 2)) ==
        "a: expected rows of whole blocks of 32, got 1");
}

} // namespace pensieve::gguf
