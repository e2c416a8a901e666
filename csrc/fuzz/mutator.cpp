#include "fuzz/mutator.hpp"

#include "fuzz/layout.hpp"
#include "fuzz/read_all.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <utility>

namespace pensieve::gguf {

namespace {

using Bytes = std::vector<std::byte>;

constexpr std::array<std::uint64_t, 18> kExtremes = {
    0,           1,          2,           31,          32,
    0x7f,        0xff,       0xffff,      1U << 20U,   0x7fffffff,
    0x80000000,  0xffffffff, 1ULL << 32U, 1ULL << 61U, (1ULL << 63U) - 1,
    1ULL << 63U, ~31ULL,     ~0ULL};
constexpr std::uint64_t kValueTypes = 13;
constexpr std::uint64_t kTensorTypes = 42;
constexpr std::size_t kMostPadding = 256;

class Mutation {
public:
  Mutation(Bytes file, std::mt19937_64& random)
      : file_(std::move(file)), random_(&random), layout_(layout_of(file_)) {}

  Bytes run() {
    constexpr std::array kSteps = {
        &Mutation::change_field, &Mutation::change_field, &Mutation::change_type,
        &Mutation::resize_text,  &Mutation::double_entry, &Mutation::drop_entry,
        &Mutation::swap_entries, &Mutation::change_byte,  &Mutation::cut,
        &Mutation::extend,
    };
    (this->*kSteps.at(below(kSteps.size())))();
    return std::move(file_);
  }

private:
  std::uint64_t below(std::uint64_t limit) { return (*random_)() % limit; }

  auto at(std::size_t place) {
    return file_.begin() + static_cast<std::ptrdiff_t>(place);
  }

  [[nodiscard]] std::uint64_t get(std::size_t place, std::size_t size) const {
    std::uint64_t value = 0;
    std::memcpy(&value, file_.data() + place, size);
    return value;
  }

  void set(std::size_t place, std::size_t size, std::uint64_t value) {
    std::memcpy(file_.data() + place, &value, size);
  }

  void add(std::size_t place, std::size_t size, std::uint64_t change) {
    set(place, size, get(place, size) + change);
  }

  void change_field() {
    if (layout_.fields.empty()) {
      change_byte();
      return;
    }
    const Field field = layout_.fields[below(layout_.fields.size())];
    switch (below(4)) {
    case 0:
      add(field.place, field.size, below(2) == 0 ? 1 : ~0ULL);
      break;
    case 1:
      add(field.place, field.size, 1ULL << below(field.size * 8));
      break;
    case 2:
      set(field.place, field.size, (*random_)());
      break;
    default:
      set(field.place, field.size, kExtremes.at(below(kExtremes.size())));
    }
  }

  void change_type() {
    std::vector<Field> types;
    std::ranges::copy_if(layout_.fields, std::back_inserter(types),
                         [](const auto& one) {
                           return one.kind == FieldKind::kValueType ||
                                  one.kind == FieldKind::kTensorType;
                         });
    if (types.empty()) {
      change_byte();
      return;
    }
    const Field field = types[below(types.size())];
    const bool is_value = field.kind == FieldKind::kValueType;
    set(field.place, field.size, below(is_value ? kValueTypes : kTensorTypes));
  }

  // Makes a name or a string longer or shorter, and its length say so.
  void resize_text() {
    std::vector<Field> lengths;
    std::ranges::copy_if(layout_.fields, std::back_inserter(lengths),
                         [](const auto& it) {
                           return it.kind == FieldKind::kLength && it.size == 8 &&
                                  it.place > kKeyCountPlace;
                         });
    if (lengths.empty()) {
      change_byte();
      return;
    }
    const Field field = lengths[below(lengths.size())];
    const std::size_t text = field.place + field.size;
    if (below(2) == 0) {
      const std::size_t size = 1 + below(80);
      file_.insert(at(text), size, std::byte('a' + below(26)));
      add(field.place, field.size, size);
    } else if (get(field.place, field.size) > 0 && text < file_.size()) {
      file_.erase(at(text));
      add(field.place, field.size, ~0ULL);
    }
    extend();
  }

  // Returns an entry and its number, or nothing to change.
  const Entry* any_entry() {
    return layout_.entries.empty() ? nullptr
                                   : &layout_.entries[below(layout_.entries.size())];
  }

  static std::size_t count_place(const Entry& entry) {
    return entry.is_tensor ? kTensorCountPlace : kKeyCountPlace;
  }

  void double_entry() {
    const Entry* const entry = any_entry();
    if (entry == nullptr) {
      change_byte();
      return;
    }
    Bytes copy(at(entry->begin), at(entry->end));
    if (copy.size() > 8 && below(4) != 0) { // most often under another name
      copy[8] = std::byte('A' + below(26));
    }
    file_.insert(at(entry->end), copy.begin(), copy.end());
    add(count_place(*entry), 8, 1);
    extend();
  }

  void drop_entry() {
    const Entry* const entry = any_entry();
    if (entry == nullptr) {
      change_byte();
      return;
    }
    file_.erase(at(entry->begin), at(entry->end));
    add(count_place(*entry), 8, ~0ULL);
    extend();
  }

  void swap_entries() {
    if (layout_.entries.size() < 2) {
      change_byte();
      return;
    }
    const std::size_t first = below(layout_.entries.size() - 1);
    const Entry& one = layout_.entries[first];
    const Entry& next = layout_.entries[first + 1];
    std::rotate(at(one.begin), at(next.begin), at(next.end));
  }

  void change_byte() {
    if (!file_.empty()) {
      file_[below(file_.size())] = std::byte(below(256));
    }
  }

  void cut() { file_.resize(file_.size() - below(file_.size() + 1)); }

  void extend() { file_.resize(file_.size() + below(kMostPadding)); }

  Bytes file_;
  std::mt19937_64* random_;
  Layout layout_;
};

void append(Bytes& bytes, std::span<const std::byte> more) {
  bytes.insert(bytes.end(), more.begin(), more.end());
}

Bytes mutated(std::span<const std::byte> file, std::mt19937_64& random) {
  return Mutation(Bytes(file.begin(), file.end()), random).run();
}

} // namespace

std::vector<std::byte> mutate(std::span<const std::byte> input,
                              std::mt19937_64& random) {
  const auto [first, second] = parts_of(input);
  if (second.data() == nullptr) {
    return mutated(input, random);
  }
  Bytes parts;
  Bytes rest(second.begin(), second.end());
  if (random() % 2 == 0) {
    parts = mutated(first, random);
  } else {
    parts.assign(first.begin(), first.end());
    rest = mutated(second, random);
  }
  const auto size = static_cast<std::uint32_t>(parts.size());
  Bytes whole(input.begin(), input.begin() + 4);
  append(whole, std::as_bytes(std::span(&size, 1)));
  append(whole, parts);
  append(whole, rest);
  return whole;
}

} // namespace pensieve::gguf
