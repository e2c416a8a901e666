// One row's logits that are sampled from as they are: the short form of adjusted_row.h,
// for batches without biases, penalties and masks.
namespace sampling {

template <typename Logits> struct Row {
  Logits logits; // [batch_size, vocab_size], of any float type
  uint index;
};

template <typename Logits> inline Row<Logits> row_of(Logits logits, uint index) {
  Row<Logits> row = {logits, index};
  return row;
}

inline bool are_adjusted(thread const Params&) {
  return false;
}

template <int VOCAB_SIZE, typename R>
inline float adjusted(float x, thread const R&, thread const Params&, uint) {
  return x;
}

} // namespace sampling

#define ROW_OF(index) sampling::row_of(logits, index)
