#pragma once

#include <string_view>

namespace pensieve::bpe {

// Whether Unicode's Normalization Form C is sure to leave `text` (UTF-8) as it is;
// where it is not sure, the text has to be normalized to know. Code points that the
// table's Unicode does not know are never sure, so any other version leaves the text,
// too. Source: UAX #15, "Detecting Normalization Forms".
bool is_surely_nfc(std::string_view text);

} // namespace pensieve::bpe
