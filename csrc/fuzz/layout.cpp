#include "fuzz/layout.hpp"

#include <array>
#include <cstring>
#include <utility>

namespace pensieve::gguf {

namespace {

constexpr std::uint64_t kString = 8;
constexpr std::uint64_t kArray = 9;
constexpr std::array<std::size_t, 13> kSizes = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
constexpr std::uint64_t kMostItems = 64; // of which the fields are told
constexpr std::uint64_t kMostDimensions = 8;

// Walks over a file; once a step does not fit, it is stuck.
class Walk {
public:
  explicit Walk(std::span<const std::byte> file) : file_(file) {}

  Layout& layout() { return layout_; }
  [[nodiscard]] bool is_stuck() const { return is_stuck_; }
  [[nodiscard]] std::size_t place() const { return place_; }

  std::uint64_t number(FieldKind kind, std::size_t size) {
    if (!fits(size)) {
      return 0;
    }
    std::uint64_t value = 0;
    std::memcpy(&value, file_.data() + place_, size);
    layout_.fields.push_back({kind, place_, size});
    place_ += size;
    return value;
  }

  void skip(std::uint64_t size) {
    if (fits(size)) {
      place_ += size;
    }
  }

  void string() { skip(number(FieldKind::kLength, 8)); }

private:
  bool fits(std::uint64_t size) {
    is_stuck_ = is_stuck_ || size > file_.size() - place_;
    return !is_stuck_;
  }

  Layout layout_;
  std::span<const std::byte> file_;
  std::size_t place_ = 0;
  bool is_stuck_ = false;
};

void walk_items(Walk& walk, std::uint64_t type, std::uint64_t count) {
  if (type >= kSizes.size()) {
    return;
  }
  if (type != kString) {
    const std::size_t size = kSizes.at(type);
    if (count == 1 && size != 0) {
      walk.number(FieldKind::kNumber, size);
    } else {
      walk.skip(count > kMostItems << 16U ? ~0ULL : count * size);
    }
    return;
  }
  for (std::uint64_t item = 0; item < count && !walk.is_stuck(); ++item) {
    walk.string();
  }
}

void walk_key(Walk& walk) {
  walk.string();
  std::uint64_t type = walk.number(FieldKind::kValueType, 4);
  std::uint64_t count = 1;
  if (type == kArray) {
    type = walk.number(FieldKind::kValueType, 4);
    count = walk.number(FieldKind::kLength, 8);
  }
  walk_items(walk, type, count);
}

void walk_tensor(Walk& walk) {
  walk.string();
  const std::uint64_t num_dimensions = walk.number(FieldKind::kLength, 4);
  for (std::uint64_t index = 0; index < num_dimensions && index < kMostDimensions;
       ++index) {
    walk.number(FieldKind::kNumber, 8);
  }
  walk.number(FieldKind::kTensorType, 4);
  walk.number(FieldKind::kNumber, 8);
}

} // namespace

Layout layout_of(std::span<const std::byte> file) {
  Walk walk(file);
  walk.skip(4); // the magic
  walk.number(FieldKind::kNumber, 4);
  const std::uint64_t num_tensors = walk.number(FieldKind::kLength, 8);
  const std::uint64_t num_keys = walk.number(FieldKind::kLength, 8);
  const auto walk_entries = [&](std::uint64_t count, auto step, bool is_tensor) {
    for (std::uint64_t index = 0; index < count; ++index) {
      const std::size_t begin = walk.place();
      step(walk);
      if (walk.is_stuck()) {
        return;
      }
      walk.layout().entries.push_back({begin, walk.place(), is_tensor});
    }
  };
  walk_entries(num_keys, walk_key, false);
  if (!walk.is_stuck()) {
    walk_entries(num_tensors, walk_tensor, true);
  }
  return std::move(walk.layout());
}

} // namespace pensieve::gguf
