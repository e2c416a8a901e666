#include "sse/json_escape.hpp"

#include "sse/escape_block.hpp"

#include <doctest/doctest.h>

#include <array>
#include <random>
#include <string>
#include <vector>

namespace pensieve::sse {

namespace {

std::string escaped(std::string_view text) {
  std::string out(escaped_size(text), '?');
  const char* end = escape(text, out.data());
  REQUIRE(end == out.data() + out.size());
  REQUIRE(is_plain(text) == (out == text));
  if (text.size() <= kShortBytes) {
    // A heap of its own, so that ASan sees a byte too many.
    std::vector<char> buffer(kShortRoom);
    const char* last = escape_short(text, buffer.data());
    REQUIRE(std::string_view(buffer.data(), last) == out);
  }
  return out;
}

// RFC 8259, section 7, as a table: the reference.
std::string escaped_by_table(std::string_view text) {
  constexpr std::array<std::string_view, 32> kControl = {
      "\\u0000", "\\u0001", "\\u0002", "\\u0003", "\\u0004", "\\u0005", "\\u0006",
      "\\u0007", "\\b",     "\\t",     "\\n",     "\\u000b", "\\f",     "\\r",
      "\\u000e", "\\u000f", "\\u0010", "\\u0011", "\\u0012", "\\u0013", "\\u0014",
      "\\u0015", "\\u0016", "\\u0017", "\\u0018", "\\u0019", "\\u001a", "\\u001b",
      "\\u001c", "\\u001d", "\\u001e", "\\u001f"};
  std::string out;
  for (const char character : text) {
    const auto byte = static_cast<unsigned char>(character);
    if (byte < kControl.size()) {
      out += kControl.at(byte);
    } else {
      if (character == '"' || character == '\\') {
        out += '\\';
      }
      out += character;
    }
  }
  return out;
}

template <typename Block> std::vector<std::size_t> places_of(const Block& block) {
  std::vector<std::size_t> found;
  for (Places places = block.special(); !places.empty();) {
    found.push_back(places.next());
  }
  return found;
}

} // namespace

TEST_CASE("every byte is escaped as RFC 8259 has it, at every place and length") {
  constexpr std::size_t kLongest = 3 * kBlockBytes + 3;
  std::size_t num_compared = 0;
  for (std::size_t size = 1; size <= kLongest; ++size) {
    for (std::size_t place = 0; place < size; ++place) {
      for (unsigned byte = 0; byte < 256; ++byte) {
        std::string text(size, 'x');
        text[place] = static_cast<char>(byte);
        const bool is_equal = escaped(text) == escaped_by_table(text);
        if (!is_equal) { // a CHECK for each takes seconds
          CAPTURE(size);
          CAPTURE(place);
          FAIL_CHECK(byte);
        }
        ++num_compared;
      }
    }
  }
  CHECK(num_compared == kLongest * (kLongest + 1) / 2 * 256);
}

TEST_CASE("text of nothing but what is escaped has room at every length") {
  for (std::size_t size = 0; size <= 5 * kBlockBytes; ++size) {
    CAPTURE(size);
    for (const char character : {'\x01', '"', '\n', 'x'}) {
      const std::string text(size, character);
      CHECK(escaped(text) == escaped_by_table(text));
    }
  }
}

TEST_CASE("a block and its scalar twin are equal on random bytes") {
  std::mt19937 random(7); // the same bytes in every run
  std::string text(kBlockBytes, 'x');
  std::array<int, kBlockBytes + 1> seen{};
  std::size_t num_different = 0;
  for (int round = 0; round < 200'000; ++round) {
    // Mostly plain bytes, so that runs of every length come up; or mostly control.
    for (char& character : text) {
      const auto drawn = static_cast<unsigned>(random());
      const unsigned range = round % 2 == 0 ? 256U : 0x24U;
      character = static_cast<char>(drawn % 8 == 0 ? (drawn >> 8U) % range : 'x');
    }
    const EscapeBlock block(text);
    const ScalarEscapeBlock twin(text);
    num_different += places_of(block) == places_of(twin) ? 0 : 1;
    num_different += block.extra() == twin.extra() ? 0 : 1;
    const std::vector<std::size_t> places = places_of(twin);
    ++seen.at(places.empty() ? kBlockBytes : places.front());
    std::string stored(kBlockBytes, '?');
    block.store(stored.data());
    num_different += stored == text ? 0 : 1;
  }
  CHECK(num_different == 0);
  for (const int times : seen) {
    CHECK(times > 0);
  }
}

TEST_CASE("random text is escaped as by the table") {
  std::mt19937 random(11);
  std::size_t num_different = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string text(random() % (kShortBytes + 20), 'x');
    for (char& character : text) {
      character = static_cast<char>(random() % 3 == 0 ? random() % 256 : 'y');
    }
    num_different += escaped(text) == escaped_by_table(text) ? 0 : 1;
  }
  CHECK(num_different == 0);
}

} // namespace pensieve::sse
