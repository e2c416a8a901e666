#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace pensieve::bpe {

// Places of merges to make, the lowest rank first, of equal ranks the leftmost place.
//
// Each rank that is waited for has a bucket of places. They mostly come in ascending
// order, and then a bucket is a queue; one that a place came to out of order is a heap
// until it is empty. So a run of one letter costs constant time a place, and anything
// at most O(log n).
class RankQueue {
public:
  struct Item {
    std::uint32_t rank;
    std::uint32_t place;
  };

  // Empties it. Ranks are below `num_ranks`.
  void clear(std::size_t num_ranks);

  void push(Item item);

  [[nodiscard]] bool is_empty() const { return ranks_.empty(); }

  // Of a queue that is not empty.
  Item pop();

  [[nodiscard]] std::size_t num_bytes() const;

private:
  struct Bucket {
    std::vector<std::uint32_t> places; // ascending from `first` on, or a min-heap
    std::size_t first = 0;
    bool is_heap = false;
  };

  static void append(Bucket& bucket, std::uint32_t place);

  std::vector<std::uint32_t> ranks_;     // a min-heap of those that have a bucket
  std::vector<std::uint32_t> bucket_of_; // by rank; kNone where it has none
  std::vector<Bucket> buckets_;
  std::vector<std::uint32_t> free_;
};

} // namespace pensieve::bpe
