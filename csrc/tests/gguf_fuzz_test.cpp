// Whatever the bytes are, they parse or are refused; the sanitizers watch the reads.

#include "tests/gguf_file.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <random>
#include <stdexcept>

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

// Parses, and looks at every place that the header then vouches for.
bool parses(const std::vector<std::byte>& file) {
  Header header{};
  try {
    header = parse_header(file);
  } catch (const std::invalid_argument&) {
    return false;
  }
  for (const Metadata& metadata : header.metadata) {
    if (metadata.type == ValueType::kString) {
      CHECK(strings(file, metadata).size() == metadata.count);
    }
  }
  for (const Tensor& tensor : header.tensors) {
    CHECK(tensor.offset <= file.size());
    CHECK(tensor.num_bytes <= file.size() - tensor.offset);
  }
  return true;
}

} // namespace

TEST_CASE("a file cut anywhere is refused") {
  const std::vector<std::byte> whole = sample().bytes();
  REQUIRE(parses(whole));

  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    // A vector of exactly this size: a read past its end is seen.
    CHECK_FALSE(
        parses({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)}));
  }
}

TEST_CASE("a file with any one byte changed parses or is refused") {
  std::vector<std::byte> file = sample().bytes();

  for (std::byte& place : file) {
    const std::byte before = place;
    for (unsigned value = 0; value < 256; ++value) {
      place = std::byte(value);
      parses(file);
    }
    place = before;
  }
  CHECK(parses(file));
}

TEST_CASE("a file with extreme numbers strewn in parses or is refused") {
  const std::vector<std::byte> whole = sample().bytes();
  constexpr std::array<std::uint64_t, 9> kExtremes = {
      0, 1, 0x7f, 0xff, 0x7fffffff, 0xffffffff, 1ULL << 32U, 1ULL << 63U, ~0ULL};
  std::mt19937_64 random(7); // the same files in every run
  int num_parsed = 0;

  for (int round = 0; round < 50'000; ++round) {
    std::vector<std::byte> file = whole;
    const std::uint64_t num_mutations = 1 + random() % 4;
    for (std::uint64_t mutation = 0; mutation < num_mutations; ++mutation) {
      const std::uint64_t value =
          random() % 2 == 0 ? random() : kExtremes.at(random() % kExtremes.size());
      const std::size_t place = random() % file.size();
      const std::size_t size =
          std::min<std::size_t>(std::size_t{1} << random() % 4, file.size() - place);
      std::ranges::copy(std::as_bytes(std::span(&value, 1)).first(size),
                        file.begin() + static_cast<std::ptrdiff_t>(place));
    }
    num_parsed += parses(file) ? 1 : 0;
  }

  // Both outcomes came up often, so the rounds did get behind the first checks.
  CHECK(num_parsed > 5'000);
  CHECK(num_parsed < 45'000);
}

} // namespace pensieve::gguf
