// The likeliest tokens of those that a threadgroup's threads hold, exactly, in order.
//
// Threads are taken in groups, and of the groups' own likeliest tokens the k-th is a
// bound: k tokens at least come before it or are it. Few more do, as a rule, and never
// more than k groups have. These are gathered, and each counts how many come before it.
// No sort, no loop that depends on the logits, and ties cost no more than other logits.
namespace sampling {

// Threadgroup memory of a selection: a list [list_size()], and what is found [SLOTS].
template <typename Reals, typename Words> struct Lists {
  Reals x;
  Words id;
  Reals top_x;
  Words top_id;
};

template <typename Reals, typename Words>
inline Lists<Reals, Words> lists_of(Reals x, Words id, Reals top_x, Words top_id) {
  Lists<Reals, Words> lists = {x, id, top_x, top_id};
  return lists;
}

constexpr int list_size(int slots, int size, int threads) {
  return slots * size > threads ? slots * size : threads;
}

// How many of a list's tokens come before one.
template <typename L> inline uint rank_in(L lists, uint length, float x, uint id) {
  uint rank = 0;
  for (uint i = 0; i < length; ++i) {
    const float other_x = lists.x[i];
    const uint other_id = lists.id[i];
    rank += comes_before(other_x, other_id, x, id) ? 1u : 0u;
  }
  return rank;
}

// Fill lists.top_x and lists.top_id with the `top_k` likeliest tokens and return how
// many there are: fewer if only so many are not -infinity.
//
//   top_k  1 to SLOTS, and SLOTS is at most THREADS
template <int THREADS, int SLOTS, int SIZE, typename L, typename C>
inline uint select_top(thread const Tokens<SIZE>& tokens, uint top_k, Place at, L lists,
                       C cells) {
  float best_x = tokens.x[0];
  uint best_id = tokens.id[0];
#pragma unroll
  for (int i = 1; i < SIZE; ++i) {
    if (comes_before(tokens.x[i], tokens.id[i], best_x, best_id)) {
      best_x = tokens.x[i];
      best_id = tokens.id[i];
    }
  }
  // PERF: groups of 2, 4, ... threads for as long as what k of them have fits the list.
  uint shift = 0;
  for (; shift < 5 && 2 * top_k << shift <= uint(SLOTS); ++shift) {
    const float other_x = metal::simd_shuffle_xor(best_x, 1u << shift);
    const uint other_id = metal::simd_shuffle_xor(best_id, 1u << shift);
    if (comes_before(other_x, other_id, best_x, best_id)) {
      best_x = other_x;
      best_id = other_id;
    }
  }
  const uint groups = uint(THREADS) >> shift;
  const uint group = at.index >> shift;
  if (group << shift == at.index) {
    lists.x[group] = best_x;
    lists.id[group] = best_id;
  }
  barrier();
  if (at.index < groups) {
    const float x = lists.x[at.index];
    const uint id = lists.id[at.index];
    if (rank_in(lists, groups, x, id) == top_k - 1) {
      lists.top_x[0] = x;
      lists.top_id[0] = id;
    }
  }
  barrier();
  const float bound_x = lists.top_x[0];
  const uint bound_id = lists.top_id[0];

  uint mine = 0;
#pragma unroll
  for (int i = 0; i < SIZE; ++i) {
    const bool is_out = tokens.x[i] == -infinity() ||
                        comes_before(bound_x, bound_id, tokens.x[i], tokens.id[i]);
    mine += is_out ? 0u : 1u;
  }
  uint slot = metal::simd_prefix_exclusive_sum(mine);
  if (at.lane == 31) {
    cells.id[at.simdgroup] = slot + mine;
  }
  barrier();
  uint length = 0;
  for (int i = 0; i < THREADS / 32; ++i) {
    const uint gathered = cells.id[i];
    slot += uint(i) < at.simdgroup ? gathered : 0u;
    length += gathered;
  }
#pragma unroll
  for (int i = 0; i < SIZE; ++i) {
    const bool is_out = tokens.x[i] == -infinity() ||
                        comes_before(bound_x, bound_id, tokens.x[i], tokens.id[i]);
    if (!is_out) {
      lists.x[slot] = tokens.x[i];
      lists.id[slot] = tokens.id[i];
      ++slot;
    }
  }
  barrier();
  for (uint i = at.index; i < length; i += THREADS) {
    const float x = lists.x[i];
    const uint id = lists.id[i];
    const uint rank = rank_in(lists, length, x, id);
    if (rank < top_k) {
      lists.top_x[rank] = x;
      lists.top_id[rank] = id;
    }
  }
  barrier();
  return metal::min(length, top_k);
}

} // namespace sampling
