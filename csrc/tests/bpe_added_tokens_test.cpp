#include "bpe/added_tokens.hpp"

#include "bpe/token_table.hpp"

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace pensieve::bpe {

namespace {

AddedToken token(std::string text, std::uint32_t id) {
  return {std::move(text), id, false, false, false};
}

// Each token as its id in brackets, between the text.
std::string shown(const std::vector<AddedToken>& tokens, std::string_view text) {
  std::vector<Span> spans;
  AddedTokens(tokens).split(text, spans);
  std::string shown;
  for (const Span& span : spans) {
    CHECK(!span.text.empty());
    shown += span.id == kNoToken ? std::string(span.text)
                                 : "[" + std::to_string(span.id) + "]";
  }
  return shown;
}

} // namespace

TEST_CASE("the leftmost token is found, and the longest that begins there") {
  const std::vector<AddedToken> tokens{token("ab", 1), token("abc", 2), token("bcd", 3),
                                       token("\u65e5", 4)};

  CHECK(shown(tokens, "xabcdab") == "x[2]d[1]");
  CHECK(shown(tokens, "abbcd") == "[1][3]");
  CHECK(shown(tokens, "a\u65e5\u672c") == "a[4]\u672c");
  CHECK(shown(tokens, "").empty());
  CHECK(shown({}, "abc") == "abc");
}

TEST_CASE("a token that stays text hides those that begin inside of it") {
  std::vector<AddedToken> tokens{token("<ab>", 1), token("b", 2)};
  tokens[0].is_text = true;

  CHECK(shown(tokens, "b<ab>b<ab") == "[2]<ab>[2]<a[2]");
}

TEST_CASE("white space goes with a token that takes it") {
  std::vector<AddedToken> tokens{token("<l>", 1), token("<r>", 2), token("\n", 3)};
  tokens[0].takes_before = true;
  tokens[1].takes_after = true;

  CHECK(shown(tokens, "a \u3000<l> b <r> \u2028c") == "a[1] b [2]c");
  CHECK(shown(tokens, "<r>  <l>") == "[2][1]");
  CHECK(shown(tokens, "<r> \n x") == "[2][3] x"); // what was taken comes again
}

TEST_CASE("tokens that take a long run of spaces, each from its place") {
  std::vector<AddedToken> tokens{token("  ", 1)};
  tokens[0].takes_after = true;
  std::vector<Span> spans;

  AddedTokens(tokens).split(std::string(200'000, ' '), spans);

  CHECK(spans.size() == 100'000);
}

TEST_CASE("a token that is empty or too long is refused") {
  CHECK_THROWS_AS(AddedTokens(std::vector{token("", 1)}), std::invalid_argument);
  const std::string longest(AddedTokens::kMaxBytes, 'x');
  CHECK_NOTHROW(AddedTokens(std::vector{token(longest, 1)}));
  CHECK_THROWS_WITH(AddedTokens(std::vector{token(longest + "x", 1)}),
                    "[bpe] added token 1: expected 1 to 1024 bytes, got 1025");
}

} // namespace pensieve::bpe
