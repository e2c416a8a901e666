// Body for mx.fast.metal_kernel and mx.fast.cuda_kernel; sample_row.h says what it does.
//
//   as sample_split's; its results and those of sample_mass, or any words if MEASURED
//   is 0
//   out: tokens, errors, log_probs [batch_size], next_params [batch_size, 16]
constexpr int SIZE = sampling::share_size(VOCAB_SIZE, SPLIT_SIZE, THREADS, SLOTS);
constexpr int LIST_SIZE = sampling::list_size(SLOTS, SIZE, THREADS);
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
sampling::write_next(params, index, at, next_params);
sampling::sample_row<VOCAB_SIZE, SPLIT_SIZE, THREADS, SLOTS, CHAIN, MEASURED>(
    row, drawn_with, at, sampling::lists_of(list_x, list_id, top_x, top_id),
    sampling::cells_of(cell_key, cell_x, cell_id), results, before, tokens, errors,
    log_probs);
