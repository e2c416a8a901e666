// One row's logits as they are sampled from: bias, penalties, mask, in this order.
//
// Specification in MLX operations: pensieve/engine/sampling.
namespace sampling {

template <typename Logits, typename Histories, typename Biases, typename Masks>
struct AdjustedRow {
  Logits logits; // [batch_size, vocab_size], of any float type
  Histories histories;
  Biases biases;
  Masks masks;
  uint index;
};

template <typename Logits, typename Histories, typename Biases, typename Masks>
inline AdjustedRow<Logits, Histories, Biases, Masks>
row_of(Logits logits, Histories histories, Biases biases, Masks masks, uint index) {
  AdjustedRow<Logits, Histories, Biases, Masks> row = {logits, histories, biases, masks,
                                                       index};
  return row;
}

template <typename Logits, typename Histories, typename Biases, typename Masks>
inline bool is_adjusted(thread const AdjustedRow<Logits, Histories, Biases, Masks>&,
                        thread const Params& params) {
  return (params.history & params.bias & params.mask) != NONE;
}

template <int VOCAB_SIZE, typename Logits, typename Histories, typename Biases,
          typename Masks>
inline float adjusted(float x,
                      thread const AdjustedRow<Logits, Histories, Biases, Masks>& row,
                      thread const Params& params, uint token) {
  if (params.bias != NONE) {
    x += as_type<float>(uint(row.biases[params.bias * VOCAB_SIZE + token]));
  }
  if (params.history != NONE) {
    const uint history = row.histories[params.history * VOCAB_SIZE + token];
    if (history != 0) {
      const float count = float(history >> 1);
      x = rounded_product(x, x > 0.0f ? params.inv_repetition : params.repetition);
      x = x - rounded_product(params.frequency, count);
      x = count > 0.0f ? x - params.presence : x;
    }
  }
  if (params.mask != NONE) {
    const uint words = (VOCAB_SIZE + 31) / 32;
    const uint word = row.masks[params.mask * words + (token >> 5)];
    x = (word >> (token & 31u) & 1u) != 0 ? x : -infinity();
  }
  return x;
}

} // namespace sampling
