// Whatever the bytes are, they parse or are refused; the sanitizers watch the reads.

#include "fuzz/mutator.hpp"
#include "fuzz/read_all.hpp"
#include "tests/gguf_file.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <random>
#include <vector>

namespace pensieve::gguf {

namespace {

FileBytes sample() {
  FileBytes file;
  file.head(2, 5);
  file.key("general.alignment", ValueType::kUint32).number(std::uint32_t{32});
  file.key("name", ValueType::kString).string("sample");
  file.array("tokens", ValueType::kString, 3).string("a").string("bc").string("");
  file.array("scores", ValueType::kFloat32, 2).number(0.5F).number(-1.0F);
  file.key("flag", ValueType::kBool).number(std::uint8_t{1});
  file.tensor("embedding", {64, 3}, 2, 0).tensor("norm", {5}, 0, 128).pad(32);
  return file.zeros(128 + 20);
}

// Two parts of a model as an input of read_all().
std::vector<std::byte> sample_parts() {
  const auto part = [](std::uint16_t index, std::string_view tensor) {
    FileBytes file;
    file.head(1, 4).key("name", ValueType::kString).string("sample");
    file.key("split.no", ValueType::kUint16).number(index);
    file.key("split.count", ValueType::kUint16).number(std::uint16_t{2});
    file.key("split.tensors.count", ValueType::kInt32).number(2);
    return file.tensor(tensor, {1}).pad(32).zeros(4);
  };
  const FileBytes first = part(0, "a");
  const FileBytes second = part(1, "b");
  FileBytes input;
  input.text("PART").number(static_cast<std::uint32_t>(first.size()));
  return input.append(first.bytes()).append(second.bytes()).bytes();
}

} // namespace

TEST_CASE("a file cut anywhere is refused") {
  const std::vector<std::byte> whole = sample().bytes();
  REQUIRE(read_all(whole));

  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    // A vector of exactly this size: a read past its end is seen.
    CHECK_FALSE(
        read_all({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)}));
  }
}

TEST_CASE("a file with any one byte changed parses or is refused") {
  std::vector<std::byte> file = sample().bytes();

  for (std::byte& place : file) {
    const std::byte before = place;
    for (unsigned value = 0; value < 256; ++value) {
      place = std::byte(value);
      read_all(file);
    }
    place = before;
  }
  CHECK(read_all(file));
}

TEST_CASE("inputs mutated again and again are read or refused") {
  std::mt19937_64 random(7); // the same files in every run
  for (const std::vector<std::byte>& whole : {sample().bytes(), sample_parts()}) {
    REQUIRE(read_all(whole));
    int num_read = 0;
    for (int round = 0; round < 10'000; ++round) {
      std::vector<std::byte> input = whole;
      for (std::uint64_t left = 1 + random() % 4; left > 0; --left) {
        input = mutate(input, random);
      }
      num_read += read_all(input) ? 1 : 0;
    }

    // Both outcomes came up often, so the rounds did get behind the first checks.
    CHECK(num_read > 500);
    CHECK(num_read < 8'000);
  }
}

TEST_CASE("mutations begin with any bytes at all, and stay so long") {
  std::mt19937_64 random(11);
  for (std::size_t size = 0; size < 64; ++size) {
    for (int round = 0; round < 100; ++round) {
      std::vector<std::byte> input(size);
      std::ranges::generate(input, [&] { return std::byte(random() % 256); });
      std::ranges::copy_n(
          FileBytes().text(round % 2 == 0 ? "GGUF" : "PART").bytes().begin(),
          static_cast<std::ptrdiff_t>(std::min<std::size_t>(size, 4)), input.begin());
      const std::vector<std::byte> mutated = mutate(input, random);
      CHECK(mutated.size() < size + 1024);
      read_all(mutated);
    }
  }
}

} // namespace pensieve::gguf
