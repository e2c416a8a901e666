// One row's logits that are sampled from as they are.
namespace sampling {

template <typename Logits> struct PlainRow {
  Logits logits; // [batch_size, vocab_size], of any float type
  uint index;
};

template <typename Logits> inline PlainRow<Logits> row_of(Logits logits, uint index) {
  PlainRow<Logits> row = {logits, index};
  return row;
}

template <typename Logits>
inline bool is_adjusted(thread const PlainRow<Logits>&, thread const Params&) {
  return false;
}

template <int VOCAB_SIZE, typename Logits>
inline float adjusted(float x, thread const PlainRow<Logits>&, thread const Params&,
                      uint) {
  return x;
}

} // namespace sampling
