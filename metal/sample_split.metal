// Body for mx.fast.metal_kernel and mx.fast.cuda_kernel; sample_split.h says what it does.
//
//   logits [batch_size, VOCAB_SIZE], params [batch_size, 16],
//   histories, biases [num, VOCAB_SIZE], masks [num, ceil(VOCAB_SIZE / 32)]
//   out: results [batch_size, num_splits * (2 * SLOTS + 4)]
constexpr int LIST_SIZE = sampling::list_size(SLOTS, SPLIT_SIZE / THREADS, THREADS);
THREADGROUP_ARRAY(float, list_x, LIST_SIZE)
THREADGROUP_ARRAY(uint, list_id, LIST_SIZE)
THREADGROUP_ARRAY(float, top_x, SLOTS)
THREADGROUP_ARRAY(uint, top_id, SLOTS)
THREADGROUP_ARRAY(float, cell_key, 32)
THREADGROUP_ARRAY(float, cell_x, 32)
THREADGROUP_ARRAY(uint, cell_id, 32)
const sampling::Place at = {thread_position_in_threadgroup.x, thread_index_in_simdgroup,
                            simdgroup_index_in_threadgroup};
const uint index = threadgroup_position_in_grid.y;
const auto row = sampling::row_of(logits, histories, biases, masks, index);
const sampling::Params drawn_with = sampling::params_of(params, index, VOCAB_SIZE);
sampling::sample_split<VOCAB_SIZE, SPLIT_SIZE, THREADS, SLOTS, CHAIN>(
    row, drawn_with, threadgroup_position_in_grid.x, at,
    sampling::lists_of(list_x, list_id, top_x, top_id),
    sampling::cells_of(cell_key, cell_x, cell_id), results);
