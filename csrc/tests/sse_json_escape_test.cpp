#include "sse/json_escape.hpp"

#include <doctest/doctest.h>

#include <array>
#include <random>
#include <string>

namespace pensieve::sse {

namespace {

std::string escaped(std::string_view text) {
  std::string out(escaped_size(text), '?');
  const char* end = escape(text, out.data());
  REQUIRE(end == out.data() + out.size());
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

} // namespace

TEST_CASE("every byte is escaped as RFC 8259 has it, wherever it stands") {
  for (unsigned byte = 0; byte < 256; ++byte) {
    for (std::size_t place = 0; place < 40; ++place) {
      std::string text(40, 'x');
      text[place] = static_cast<char>(byte);
      CAPTURE(byte);
      CAPTURE(place);
      CHECK(escaped(text) == escaped_by_table(text));
    }
  }
}

TEST_CASE("text of every length up to three vectors is escaped") {
  for (std::size_t size = 0; size <= 3 * kRunBytes; ++size) {
    CAPTURE(size);
    const std::string plain(size, 'x');
    const std::string control(size, '\x01');
    CHECK(escaped(plain) == plain);
    CHECK(escaped(control) == escaped_by_table(control));
  }
}

TEST_CASE("the vector run and the scalar run are equal on random bytes") {
  std::mt19937 random(7); // the same bytes in every run
  std::string block(kRunBytes, 'x');
  std::array<int, kRunBytes + 1> seen{};
  for (int round = 0; round < 100'000; ++round) {
    // Mostly plain bytes, so that runs of every length come up.
    for (char& character : block) {
      character = static_cast<char>(random() % 8 == 0 ? random() % 256 : 'x');
    }
    const std::size_t run = plain_run_scalar(block);
    CHECK(plain_run(block) == run);
    ++seen.at(run);
  }
  for (const int times : seen) {
    CHECK(times > 0);
  }
}

} // namespace pensieve::sse
