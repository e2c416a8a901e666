#include "bpe/encoder.hpp"

#include "bpe_tables.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace pensieve::bpe {

namespace {

// Letters a, b and c, what random merges make of them, and "<x>".
Description description() {
  std::mt19937 random(11);
  Description made;
  made.is_byte_level = true;
  made.splitter = Splitter::kGpt2;
  made.merges = random_merges(random, 25);
  std::vector<std::string> texts{"a", "b", "c"};
  texts.resize(3 + made.merges.size());
  for (std::uint32_t id = 3; id < texts.size(); ++id) {
    for (const Merge& merge : made.merges) {
      if (merge.made == id) {
        texts[id] = texts[merge.left] + texts[merge.right];
      }
    }
  }
  for (std::uint32_t id = 0; id < texts.size(); ++id) {
    made.tokens.push_back({texts[id], id});
  }
  made.tokens.push_back({" ", 100});
  made.raw_tokens.push_back({"<x>", 101, false, false, false});
  return made;
}

std::string random_text(std::mt19937& random) {
  std::string text(below(random, 3000), ' ');
  for (char& letter : text) {
    letter = "abcabcabcabc <x>"[below(random, 16)];
  }
  return text;
}

} // namespace

TEST_CASE("counting finds as many tokens as encoding makes") {
  const Encoder encoder(description());
  std::mt19937 random(5);
  for (int round = 0; round < 50; ++round) {
    const std::string text = random_text(random);
    std::vector<std::uint32_t> ids;
    const std::optional<std::size_t> made = encoder.encode(text, Steps::kAll, &ids);
    CHECK(made == ids.size());
    CHECK(encoder.encode(text, Steps::kAll, nullptr) == ids.size());
  }
}

TEST_CASE("eight threads encode as one does") {
  const Encoder encoder(description());
  std::mt19937 random(6);
  std::vector<std::string> texts;
  std::vector<std::vector<std::uint32_t>> expected;
  for (int round = 0; round < 30; ++round) {
    texts.push_back(random_text(random));
    encoder.encode(texts.back(), Steps::kAll, &expected.emplace_back());
  }
  std::vector<std::vector<std::vector<std::uint32_t>>> found(8);
  {
    std::vector<std::jthread> threads;
    threads.reserve(found.size());
    for (auto& mine : found) {
      threads.emplace_back([&] {
        for (const std::string& text : texts) {
          encoder.encode(text, Steps::kAll, &mine.emplace_back());
        }
      });
    }
  }
  for (const auto& mine : found) {
    CHECK(mine == expected);
  }
}

TEST_CASE("more scratches than are kept are in use at once") {
  ScratchPool pool;
  {
    std::vector<std::unique_ptr<ScratchPool::Lease>> leases;
    leases.reserve(2 * ScratchPool::kMaxKept);
    for (std::size_t count = 0; count < 2 * ScratchPool::kMaxKept; ++count) {
      leases.push_back(std::make_unique<ScratchPool::Lease>(pool));
    }
  }
  ScratchPool::Lease again(pool);
  CHECK((*again).cache.num_bytes() == 0);
}

TEST_CASE("a scratch that grew too large is not kept") {
  ScratchPool pool;
  {
    ScratchPool::Lease lease(pool);
    (*lease).normalized.reserve(ScratchPool::kMaxBytes + 1);
  }
  ScratchPool::Lease next(pool);
  CHECK((*next).normalized.capacity() < 100);
}

TEST_CASE("an id that no token can have is refused") {
  Description wrong = description();
  wrong.tokens.push_back({"z", UINT32_MAX});
  CHECK_THROWS_AS(Encoder{wrong}, std::invalid_argument);
  wrong = description();
  wrong.merges.push_back({0, 1U << 22U, 2});
  CHECK_THROWS_AS(Encoder{wrong}, std::invalid_argument);
}

} // namespace pensieve::bpe
