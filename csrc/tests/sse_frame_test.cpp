#include "sse/frame.hpp"

#include <doctest/doctest.h>

namespace pensieve::sse {

namespace {

std::string framed(std::string_view event, std::string_view data) {
  std::string out(frame_size(event, data), '?');
  const char* end = write_frame(event, data, out.data());
  REQUIRE(end == out.data() + out.size());
  return out;
}

std::string framed(const DeltaTemplate& delta, std::string_view text) {
  std::string out(delta.size(text), '?');
  const char* end = delta.write(text, out.data());
  REQUIRE(end == out.data() + out.size());
  return out;
}

} // namespace

TEST_CASE("a frame is an event line, a data line and an empty line") {
  CHECK(framed("ping", R"({"type":"ping"})") ==
        "event: ping\ndata: {\"type\":\"ping\"}\n\n");
  CHECK(framed("", "") == "event: \ndata: \n\n");
}

TEST_CASE("a delta's text is escaped between what was rendered once") {
  const DeltaTemplate delta(2, "text_delta", "text");

  CHECK(framed(delta, "say \"hi\"\n") ==
        "event: content_block_delta\n"
        R"(data: {"type":"content_block_delta","index":2,)"
        R"("delta":{"type":"text_delta","text":"say \"hi\"\n"}})"
        "\n\n");
}

TEST_CASE("one template serves any number of texts") {
  const DeltaTemplate delta(0, "thinking_delta", "thinking");

  CHECK(framed(delta, "").size() + 3 == framed(delta, "abc").size());
  CHECK(framed(delta, "abc") == framed(delta, "abc"));
}

TEST_CASE("a text that is escaped already is framed as one that is not") {
  const DeltaTemplate delta(3, "text_delta", "text");
  std::string out(delta.size_around(3), '?');

  CHECK(delta.write_around(R"(a\n)", out.data()) == out.data() + out.size());
  CHECK(out == framed(delta, "a\n"));
}

TEST_CASE("a short text is framed as any other") {
  DeltaTemplate delta(3, "text_delta", "text");

  for (const std::string text : {"", "a\n", "a plain one", "\"\x01\\"}) {
    CHECK(delta.frame_short(text) == framed(delta, text));
  }
  const std::string worst(kShortBytes, '\x1f');
  CHECK(delta.frame_short(worst) == framed(delta, worst));
}

TEST_CASE("names are escaped like text") {
  const std::string frame = framed(DeltaTemplate(0, "a\"b", "c\\"), "");

  CHECK(frame.find(R"("type":"a\"b","c\\":"")") != std::string::npos);
}

TEST_CASE("both characters that end a line are found") {
  CHECK(find_line_end("ab\ncd") == 2);
  CHECK(find_line_end("ab\rcd") == 2);
  CHECK(find_line_end("\u2028") == std::string_view::npos);
}

} // namespace pensieve::sse
