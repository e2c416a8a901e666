#include "bpe/encoder.hpp"

#include "bpe/utf8.hpp"

#include <algorithm>
#include <span>
#include <stdexcept>

namespace pensieve::bpe {

namespace {

constexpr std::string_view kSpace = "\u2581";     // SentencePiece's
constexpr std::uint32_t kMaxId = (1U << 22U) - 1; // tables are as long
constexpr std::size_t kMaxTextBytes = (std::size_t{1} << 31U) - 1;

// Appends `text` with SentencePiece's spaces.
void append_spaced(std::string_view text, std::string& into) {
  while (true) {
    const std::size_t place = text.find(' ');
    into += text.substr(0, place);
    if (place == std::string_view::npos) {
      break;
    }
    into += kSpace;
    text.remove_prefix(place + 1);
  }
}

void check_id(std::uint32_t id) {
  if (id > kMaxId) {
    throw std::invalid_argument("[bpe] token id: expected at most " +
                                std::to_string(kMaxId) + ", got " + std::to_string(id));
  }
}

void check_ids(const Description& description) {
  for (const Token& token : description.tokens) {
    check_id(token.id);
  }
  for (const Merge& merge : description.merges) {
    std::ranges::for_each(std::array{merge.left, merge.right, merge.made}, check_id);
  }
  for (const AddedToken& token : description.raw_tokens) {
    check_id(token.id);
  }
  for (const AddedToken& token : description.normalized_tokens) {
    check_id(token.id);
  }
  std::ranges::for_each(description.watched, check_id);
}

} // namespace

// Where tokens go. Without `ids` they are only counted.
class Encoder::Output {
public:
  Output(std::vector<std::uint32_t>* ids, const std::vector<bool>* is_watched)
      : ids_(ids), is_watched_(is_watched) {}

  void add(std::span<const std::uint32_t> more) {
    count_ += more.size();
    if (ids_ != nullptr) {
      ids_->insert(ids_->end(), more.begin(), more.end());
    }
    if (!is_watched_->empty()) {
      has_watched_ |= std::ranges::any_of(more, [&](std::uint32_t id) {
        return id < is_watched_->size() && (*is_watched_)[id];
      });
    }
  }

  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] bool has_watched() const { return has_watched_; }

private:
  std::vector<std::uint32_t>* ids_;
  const std::vector<bool>* is_watched_; // as Encoder's
  std::size_t count_ = 0;
  bool has_watched_ = false;
};

Encoder::Encoder(const Description& description)
    : merges_(description.merges), alphabet_(description),
      raw_tokens_(description.raw_tokens),
      normalized_tokens_(description.normalized_tokens),
      piece_end_(piece_end(description.splitter)),
      is_byte_level_(description.is_byte_level), prepends_(description.prepends),
      replaces_spaces_(description.replaces_spaces),
      is_metaspace_(description.is_metaspace), space_before_(description.space_before) {
  check_ids(description);
  for (const std::uint32_t id : description.watched) {
    is_watched_.resize(std::max<std::size_t>(is_watched_.size(), id + 1));
    is_watched_[id] = true;
  }
  find_wholes(description);
  if (!is_byte_level_) {
    find_cuts(description);
  }
}

std::optional<std::size_t> Encoder::encode(std::string_view text, Steps steps,
                                           std::vector<std::uint32_t>* ids) const {
  if (text.size() > kMaxTextBytes) {
    throw std::length_error("[bpe] text: expected less than 2 GiB, got " +
                            std::to_string(text.size()) + " bytes");
  }
  ScratchPool::Lease lease(scratches_);
  Scratch& scratch = *lease;
  Output out(ids, &is_watched_);
  if (steps == Steps::kAfterNormalizing) {
    add_normalized(text, true, scratch, out);
  } else {
    scratch.raw_spans.clear();
    raw_tokens_.split(text, scratch.raw_spans);
    for (const Span& span : scratch.raw_spans) {
      if (span.id == kNoToken) {
        add_normalized(normalized(span.text, scratch.normalized),
                       span.text.data() == text.data(), scratch, out);
      } else {
        out.add({&span.id, 1});
      }
    }
  }
  if (out.has_watched()) {
    return std::nullopt;
  }
  return out.count();
}

void Encoder::add_normalized(std::string_view text, bool is_start, Scratch& scratch,
                             Output& out) const {
  std::vector<Span>& spans = scratch.spans;
  spans.clear();
  normalized_tokens_.split(text, spans);
  for (const Span& span : spans) {
    if (span.id == kNoToken) {
      add_text(span.text, is_start && span.text.data() == text.data(), scratch, out);
    } else {
      out.add({&span.id, 1});
    }
  }
}

void Encoder::add_text(std::string_view text, bool is_start, Scratch& scratch,
                       Output& out) const {
  if (!is_byte_level_) {
    text = spaced(text, is_start, scratch.spaced);
  }
  for (std::size_t start = 0; start < text.size();) {
    std::size_t end = text.size();
    if (is_byte_level_) {
      end = piece_end_(text, start);
    } else if (cuts_) {
      end = cuts_->part_end(text, start);
    }
    add_piece(text.substr(start, end - start), scratch, out);
    start = end;
  }
}

void Encoder::add_piece(std::string_view piece, Scratch& scratch, Output& out) const {
  const TextKey key = key_of(piece);
  const std::uint32_t whole = wholes_.find(piece, key);
  if (whole != kNoToken) {
    out.add({&whole, 1});
    return;
  }
  const std::span<const std::uint32_t> known = scratch.cache.find(piece, key);
  if (!known.empty()) {
    out.add(known);
    return;
  }
  scratch.symbols.clear();
  alphabet_.symbols(piece, scratch.symbols);
  scratch.merger.merge(scratch.symbols, merges_);
  out.add(scratch.symbols);
  scratch.cache.insert(piece, key, scratch.symbols);
}

std::string_view Encoder::normalized(std::string_view text, std::string& into) const {
  if (!prepends_ && !replaces_spaces_) {
    return text;
  }
  into = prepends_ ? kSpace : std::string_view();
  if (replaces_spaces_) {
    append_spaced(text, into);
  } else {
    into += text;
  }
  return into;
}

std::string_view Encoder::spaced(std::string_view text, bool is_start,
                                 std::string& into) const {
  if (!is_metaspace_) {
    return text;
  }
  const bool begins_with_space = text.starts_with(' ') || text.starts_with(kSpace);
  const bool prepends = space_before_ == SpaceBefore::kEveryText ||
                        (space_before_ == SpaceBefore::kFirstText && is_start);
  into = prepends && !begins_with_space ? kSpace : std::string_view();
  append_spaced(text, into);
  return into;
}

// Finds out which tokens' own texts become that one token.
void Encoder::find_wholes(const Description& description) {
  wholes_ = TokenTable(description.tokens.size());
  Merger merger;
  std::vector<std::uint32_t> symbols;
  for (const Token& token : description.tokens) {
    symbols.clear();
    if (!description.keeps_whole) {
      alphabet_.symbols(token.text, symbols);
      merger.merge(symbols, merges_);
    }
    if (description.keeps_whole || (symbols.size() == 1 && symbols[0] == token.id)) {
      wholes_.insert(token.text, token.id);
    }
  }
}

// Text is cut only where every symbol's token is the text that it stands for.
void Encoder::find_cuts(const Description& description) {
  if (!alphabet_.is_complete()) {
    return;
  }
  std::vector<std::string_view> texts;
  for (const Token& token : description.tokens) {
    texts.resize(std::max<std::size_t>(texts.size(), token.id + 1));
    texts[token.id] = token.text;
  }
  for (const std::uint32_t id : description.byte_tokens) {
    texts.resize(std::max<std::size_t>(texts.size(), id + 1));
    texts[id] = {};
  }
  Cuts cuts;
  for (const Merge& merge : description.merges) {
    if (merge.left >= texts.size() || merge.right >= texts.size() ||
        texts[merge.left].empty() || texts[merge.right].empty()) {
      return; // a merge of byte tokens can be anywhere
    }
    cuts.add_merge(texts[merge.left], texts[merge.right]);
  }
  cuts_ = std::move(cuts);
}

} // namespace pensieve::bpe
