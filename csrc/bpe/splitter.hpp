#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace pensieve::bpe {

// Pre-tokenizers of Hugging Face `tokenizers`: text in, the pieces out that are merged
// each on its own. The pieces follow each other without a gap.
enum class Splitter {
  kGpt2,       // ByteLevel's own pattern
  kSmollm,     // Digits(individual_digits), then that
  kLlama3,     // also DBRX
  kQwen2,      // Qwen 2, 2.5 and 3: a number at a time
  kQwen35,     // marks go with letters
  kDeepseekV3, // V3, R1: three patterns one after another
  kO200k,      // GPT-4o, gpt-oss: words by their case
  kGlm4,       // equal to Llama 3's
  kTekken,     // Mistral: words by their case
  kNone,       // the whole text is one piece
};

// "gpt2", "smollm", "llama3", "qwen2", "qwen35", "deepseek_v3", "o200k", "glm4",
// "tekken", "none".
std::optional<Splitter> splitter_named(std::string_view name);

// The end of the piece that begins at `start`, where a piece before it ended or the
// text begins. start < text.size(); the result is > start and <= text.size(). `text` is
// UTF-8, whole: what follows a piece says where it ends. (Bytes that are not UTF-8 are
// safe.) Any text takes time in proportion to its length.
using PieceEnd = std::size_t (*)(std::string_view text, std::size_t start);

// PERF: ask once a text, not once a piece; bench/native/bench_splitter.py
PieceEnd piece_end(Splitter splitter);

} // namespace pensieve::bpe
