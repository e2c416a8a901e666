#include "bpe/rank_queue.hpp"

#include <algorithm>
#include <functional>

namespace pensieve::bpe {

namespace {

constexpr std::uint32_t kNone = UINT32_MAX;
constexpr std::greater<> kLowestFirst;

} // namespace

void RankQueue::clear(std::size_t num_ranks) {
  while (!is_empty()) {
    pop();
  }
  if (bucket_of_.size() < num_ranks) {
    bucket_of_.resize(num_ranks, kNone);
  }
}

void RankQueue::push(Item item) {
  std::uint32_t& index = bucket_of_[item.rank];
  if (index == kNone) {
    if (free_.empty()) {
      free_.push_back(static_cast<std::uint32_t>(buckets_.size()));
      buckets_.emplace_back();
    }
    index = free_.back();
    free_.pop_back();
    ranks_.push_back(item.rank);
    std::ranges::push_heap(ranks_, kLowestFirst);
  }
  append(buckets_[index], item.place);
}

RankQueue::Item RankQueue::pop() {
  const std::uint32_t rank = ranks_.front();
  Bucket& bucket = buckets_[bucket_of_[rank]];
  std::uint32_t place = 0;
  if (bucket.is_heap) {
    std::ranges::pop_heap(bucket.places, kLowestFirst);
    place = bucket.places.back();
    bucket.places.pop_back();
  } else {
    place = bucket.places[bucket.first++];
  }
  if (bucket.first == bucket.places.size()) {
    bucket.places.clear();
    bucket.first = 0;
    bucket.is_heap = false;
    free_.push_back(bucket_of_[rank]);
    bucket_of_[rank] = kNone;
    std::ranges::pop_heap(ranks_, kLowestFirst);
    ranks_.pop_back();
  }
  return {rank, place};
}

std::size_t RankQueue::num_bytes() const {
  std::size_t num_places = ranks_.capacity() + bucket_of_.capacity() + free_.capacity();
  for (const Bucket& bucket : buckets_) {
    num_places += bucket.places.capacity();
  }
  return num_places * sizeof(std::uint32_t) + buckets_.capacity() * sizeof(Bucket);
}

void RankQueue::append(Bucket& bucket, std::uint32_t place) {
  const bool is_in_order = bucket.places.empty() || bucket.places.back() <= place;
  if (!bucket.is_heap && !is_in_order) {
    // What is ascending is a heap already.
    const auto done = static_cast<std::ptrdiff_t>(bucket.first);
    bucket.places.erase(bucket.places.begin(), bucket.places.begin() + done);
    bucket.first = 0;
    bucket.is_heap = true;
  }
  bucket.places.push_back(place);
  if (bucket.is_heap) {
    std::ranges::push_heap(bucket.places, kLowestFirst);
  }
}

} // namespace pensieve::bpe
