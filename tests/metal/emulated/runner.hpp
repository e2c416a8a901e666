// A program that runs kernels: requests on standard input, answers on standard output,
// both in the machine's own numbers; emulator.py is the other end. What a kernel does
// to this process it does to nobody else.
//
//   request  kernel, schedule, threads, threadgroups in x and y, number of inputs and
//   of
//            outputs; of each input its bytes' number and they; of each output its
//            words
//   answer   length of an error and it, or 0 and the outputs
#pragma once
#include "memory.hpp"
#include <cstdio>
#include <cstdlib>

namespace emulated {

struct Kernel {
  void (*body)();
};
extern const Kernel KERNELS[];

struct Buffer {
  std::vector<char> bytes;
  std::vector<char> is_written; // of each word
};
inline std::vector<Buffer> inputs;
inline std::vector<Buffer> outputs;

template <typename T> inline Input<T> input(Word index, const char* name) {
  const Buffer& buffer = inputs.at(index);
  return {reinterpret_cast<const T*>(buffer.bytes.data()),
          Word(buffer.bytes.size() / sizeof(T)), name};
}

template <typename T> inline Output<T> output(Word index, const char* name) {
  Buffer& buffer = outputs.at(index);
  return {reinterpret_cast<T*>(buffer.bytes.data()),
          reinterpret_cast<bool*>(buffer.is_written.data()),
          Word(buffer.is_written.size()), name};
}

inline void read_all(void* bytes, std::size_t size) {
  if (std::fread(bytes, 1, size, stdin) != size) {
    std::exit(0); // nobody asks any more
  }
}

inline void write_all(const void* bytes, std::size_t size) {
  std::fwrite(bytes, 1, size, stdout);
}

inline std::string run(const Kernel& kernel, Word columns, Word rows) {
  group.body = kernel.body;
  group.random = group.schedule;
  const bool is_backwards = group.schedule == 1;
  for (Word i = 0; i < columns * rows; ++i) {
    const Word place = is_backwards ? columns * rows - 1 - i : i;
    const std::string error = run_threadgroup(place % columns, place / columns);
    if (!error.empty()) {
      return error;
    }
  }
  return "";
}

inline int serve() {
  while (true) {
    Word request[7];
    read_all(request, sizeof request);
    const auto [kernel, schedule, threads, columns, rows, num_inputs, num_outputs] =
        request;
    inputs.assign(num_inputs, {});
    outputs.assign(num_outputs, {});
    for (Buffer& buffer : inputs) {
      Word size;
      read_all(&size, sizeof size);
      buffer.bytes.resize(size);
      read_all(buffer.bytes.data(), size);
    }
    for (Buffer& buffer : outputs) {
      Word size;
      read_all(&size, sizeof size);
      const std::vector<Word> poison(size, POISON);
      const auto* bytes = reinterpret_cast<const char*>(poison.data());
      buffer.bytes.assign(bytes, bytes + size * sizeof(Word));
      buffer.is_written.assign(size, 0);
    }
    group.num_threads = threads;
    group.schedule = schedule;
    group.error.clear();
    const std::string error = run(KERNELS[kernel], columns, rows);
    const Word length = Word(error.size());
    write_all(&length, sizeof length);
    write_all(error.data(), length);
    if (length == 0) {
      for (const Buffer& buffer : outputs) {
        write_all(buffer.bytes.data(), buffer.bytes.size());
      }
    }
    std::fflush(stdout);
  }
}

} // namespace emulated
