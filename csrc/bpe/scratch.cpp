#include "bpe/scratch.hpp"

#include <utility>

namespace pensieve::bpe {

std::size_t num_bytes(const Scratch& scratch) {
  return scratch.merger.num_bytes() + scratch.cache.num_bytes() +
         scratch.symbols.capacity() * sizeof(std::uint32_t) +
         (scratch.raw_spans.capacity() + scratch.spans.capacity()) * sizeof(Span) +
         scratch.normalized.capacity() + scratch.spaced.capacity();
}

std::unique_ptr<Scratch> ScratchPool::take() {
  {
    const std::scoped_lock lock(mutex_);
    if (!kept_.empty()) {
      std::unique_ptr<Scratch> scratch = std::move(kept_.back());
      kept_.pop_back();
      return scratch;
    }
    kept_.reserve(kMaxKept); // so that giving back allocates nothing
  }
  return std::make_unique<Scratch>();
}

void ScratchPool::give_back(std::unique_ptr<Scratch> scratch) noexcept {
  if (num_bytes(*scratch) > kMaxBytes) {
    return;
  }
  const std::scoped_lock lock(mutex_);
  if (kept_.size() < kMaxKept) {
    kept_.push_back(std::move(scratch));
  }
}

} // namespace pensieve::bpe
