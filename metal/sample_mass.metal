// Body for mx.fast.metal_kernel and mx.fast.cuda_kernel; sample_mass.h says what it does.
//
//   as sample_split's; its results
//   out: before [batch_size, num_splits, 2 * MEASURED]
THREADGROUP_ARRAY(float, chain_x, MEASURED)
THREADGROUP_ARRAY(uint, chain_id, MEASURED)
THREADGROUP_ARRAY(float, chain_masses, MEASURED * 32)
THREADGROUP_ARRAY(uint, chain_counts, MEASURED * 32)
THREADGROUP_ARRAY(float, cell_key, 32)
THREADGROUP_ARRAY(float, cell_x, 32)
THREADGROUP_ARRAY(uint, cell_id, 32)
const sampling::Place at = {thread_position_in_threadgroup.x, thread_index_in_simdgroup,
                            simdgroup_index_in_threadgroup};
const uint index = threadgroup_position_in_grid.y;
const auto row = sampling::row_of(logits, histories, biases, masks, index);
const sampling::Params drawn_with = sampling::params_of(params, index, VOCAB_SIZE);
sampling::sample_mass<VOCAB_SIZE, SPLIT_SIZE, THREADS, SLOTS, CHAIN, MEASURED>(
    row, drawn_with, threadgroup_position_in_grid.x, at,
    sampling::chain_of(chain_x, chain_id, chain_masses, chain_counts),
    sampling::cells_of(cell_key, cell_x, cell_id), results, before);
