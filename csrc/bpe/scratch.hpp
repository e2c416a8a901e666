#pragma once

#include "bpe/added_tokens.hpp"
#include "bpe/merger.hpp"
#include "bpe/piece_cache.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace pensieve::bpe {

// Working memory of one call, with what it remembers for the next.
struct Scratch {
  Merger merger;
  PieceCache cache;
  std::vector<std::uint32_t> symbols; // of one piece
  std::vector<Span> raw_spans;
  std::vector<Span> spans;
  std::string normalized;
  std::string spaced;
};

std::size_t num_bytes(const Scratch& scratch);

// Scratches that are not in use. Any thread may take one.
class ScratchPool {
public:
  // So many are kept, and of each so much that a megabyte of text fits well.
  static constexpr std::size_t kMaxKept = 8;
  static constexpr std::size_t kMaxBytes = 16U << 20U;

  // A scratch to use until the lease ends.
  class Lease {
  public:
    explicit Lease(ScratchPool& pool) : pool_(pool), scratch_(pool.take()) {}
    ~Lease() { pool_.give_back(std::move(scratch_)); }
    Lease(const Lease&) = delete;
    Lease(Lease&&) = delete;
    Lease& operator=(const Lease&) = delete;
    Lease& operator=(Lease&&) = delete;

    Scratch& operator*() { return *scratch_; }

  private:
    ScratchPool& pool_;
    std::unique_ptr<Scratch> scratch_;
  };

private:
  std::unique_ptr<Scratch> take();
  void give_back(std::unique_ptr<Scratch> scratch) noexcept;

  std::mutex mutex_;
  std::vector<std::unique_ptr<Scratch>> kept_; // the last one used is the last
};

} // namespace pensieve::bpe
