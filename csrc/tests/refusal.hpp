#pragma once

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace pensieve::gguf {

// Returns why `call` refuses what it is given, without the "[gguf] " that opens every
// message.
template <class Call> std::string refusal_of(Call&& call) {
  try {
    static_cast<void>(std::forward<Call>(call)());
  } catch (const std::invalid_argument& error) {
    const std::string message = error.what();
    REQUIRE(message.starts_with("[gguf] "));
    return message.substr(7);
  }
  return "not refused";
}

} // namespace pensieve::gguf
