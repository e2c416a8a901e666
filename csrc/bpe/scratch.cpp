#include "bpe/scratch.hpp"

#include <utility>

namespace pensieve::bpe {

std::size_t Scratch::num_bytes() const {
  return merger.num_bytes() + cache.num_bytes() +
         (symbols.capacity() + ids.capacity()) * sizeof(std::uint32_t) +
         (raw_spans.capacity() + spans.capacity()) * sizeof(Span) +
         normalized.capacity() + spaced.capacity();
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
  if (scratch->num_bytes() > kMaxBytes) {
    return;
  }
  const std::scoped_lock lock(mutex_);
  if (kept_.size() < kMaxKept) {
    kept_.push_back(std::move(scratch));
  }
}

} // namespace pensieve::bpe
