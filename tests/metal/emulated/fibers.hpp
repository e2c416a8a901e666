// One threadgroup on a CPU: a fiber for each of its threads, which goes on until it
// comes to a barrier or a simdgroup operation. So a run repeats exactly, and the order
// in which threads go on is a parameter. What a GPU leaves undefined is an error here:
// see fail().
#pragma once
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>
#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace emulated {

using Word = std::uint32_t;
constexpr Word LANES = 32;

// Where in the text a thread waits; compared by address, as one literal has one.
struct Site {
  const char* file;
  int line;
  bool operator==(const Site& other) const {
    return file == other.file && line == other.line;
  }
};

enum class State { RUNS, AT_SIMD, AT_BARRIER, DONE };

#if defined(__x86_64__)
// Keep the registers that a call keeps on this stack, and go on with the other one.
extern "C" void emulated_switch(void** from, void* to);
asm(R"(
.text
.globl emulated_switch
.type emulated_switch, @function
emulated_switch:
  push %rbp
  push %rbx
  push %r12
  push %r13
  push %r14
  push %r15
  mov %rsp, (%rdi)
  mov %rsi, %rsp
  pop %r15
  pop %r14
  pop %r13
  pop %r12
  pop %rbx
  pop %rbp
  ret
.size emulated_switch, .-emulated_switch
)");
struct Context {
  void* stack = nullptr;
};
inline void go_on(Context& from, Context& to) {
  emulated_switch(&from.stack, to.stack);
}
inline void prepare(Context& context, char* stack, std::size_t size, void (*entry)()) {
  auto top = (reinterpret_cast<std::uintptr_t>(stack) + size) & ~std::uintptr_t(63);
  auto* words = reinterpret_cast<void**>(top);
  *--words = nullptr; // as if `entry` had been called
  *--words = reinterpret_cast<void*>(entry);
  for (int i = 0; i < 6; ++i) {
    *--words = nullptr;
  }
  context.stack = words;
}
#else
struct Context {
  ucontext_t registers;
};
inline void go_on(Context& from, Context& to) {
  swapcontext(&from.registers, &to.registers);
}
inline void prepare(Context& context, char* stack, std::size_t size, void (*entry)()) {
  getcontext(&context.registers);
  context.registers.uc_stack.ss_sp = stack;
  context.registers.uc_stack.ss_size = size;
  context.registers.uc_link = nullptr;
  makecontext(&context.registers, entry, 0);
}
#endif

struct Lane {
  Context context;
  State state;
  Site site;
  Word turn;              // which of the slots the last simdgroup operation has used
  std::uint64_t slots[2]; // two, as one lane may be an operation ahead of others
};

struct Threadgroup {
  Word num_threads = 0;
  Word x = 0, y = 0;    // its place in the grid
  Word thread = 0;      // that runs
  Word epoch = 0;       // grows at each barrier, and with each threadgroup
  Word first_epoch = 0; // of this threadgroup
  Word schedule = 0;
  std::uint64_t random = 0;
  std::string error;
  Context scheduler;
  std::vector<Lane> lanes;
  std::vector<char> stacks;
  void (*body)() = nullptr;
};
inline Threadgroup group;

inline void wait(State state, Site site) {
  Lane& lane = group.lanes[group.thread];
  lane.state = state;
  lane.site = site;
  go_on(lane.context, group.scheduler);
}

// Give up: the scheduler returns with the error, and no thread goes on.
inline void fail(const std::string& error) {
  group.error = error + " (thread " + std::to_string(group.thread) +
                " of threadgroup " + std::to_string(group.x) + ", " +
                std::to_string(group.y) + ")";
  wait(State::DONE, {});
}

inline void run_thread() {
  group.body();
  wait(State::DONE, {});
}

// The i-th of `size` threads or simdgroups to go on.
inline Word in_order(Word i, Word size, Word shift) {
  if (group.schedule == 0) {
    return i;
  }
  return group.schedule == 1 ? size - 1 - i : (i * 13 + shift) % size; // size: 2^n
}

inline Word random_shift() {
  group.random = group.random * 6364136223846793005u + 1442695040888963407u;
  return Word(group.random >> 40);
}

// Run a simdgroup until all its lanes are at a barrier or done; return false on an
// error.
inline bool run_simdgroup(Word first) {
  while (true) {
    const Word shift = random_shift();
    for (Word i = 0; i < LANES; ++i) {
      const Word thread = first + in_order(i, LANES, shift);
      if (group.lanes[thread].state == State::RUNS) {
        group.thread = thread;
        go_on(group.scheduler, group.lanes[thread].context);
        if (!group.error.empty()) {
          return false;
        }
      }
    }
    Word waiting = 0;
    bool are_together = true;
    const Lane* one = nullptr;
    for (Word i = 0; i < LANES; ++i) {
      const Lane& lane = group.lanes[first + i];
      if (lane.state == State::AT_SIMD) {
        are_together = are_together && (one == nullptr || one->site == lane.site);
        one = &lane;
        ++waiting;
      }
    }
    if (waiting == 0) {
      return true;
    }
    if (waiting != LANES || !are_together) {
      group.error = "a simdgroup operation that not all lanes come to, line " +
                    std::to_string(one->site.line);
      return false;
    }
    for (Word i = 0; i < LANES; ++i) {
      group.lanes[first + i].state = State::RUNS;
    }
  }
}

constexpr std::size_t STACK_BYTES = 96 * 1024 + 64 * 37; // not a power of two: caches

// Run the body in all threads; return an error, or "".
inline std::string run_threadgroup(Word x, Word y) {
  const Word size = group.num_threads;
  group.x = x;
  group.y = y;
  group.lanes.resize(size);
  group.stacks.resize(size * STACK_BYTES);
  group.first_epoch = ++group.epoch;
  for (Word i = 0; i < size; ++i) {
    Lane& lane = group.lanes[i];
    lane.state = State::RUNS;
    lane.turn = 0;
    prepare(lane.context, group.stacks.data() + i * STACK_BYTES, STACK_BYTES,
            run_thread);
  }
  while (true) {
    const Word shift = random_shift();
    for (Word i = 0; i < size / LANES; ++i) {
      if (!run_simdgroup(LANES * in_order(i, size / LANES, shift))) {
        return group.error;
      }
    }
    const Lane* one = nullptr;
    Word waiting = 0;
    for (const Lane& lane : group.lanes) {
      if (lane.state == State::AT_BARRIER) {
        if (one != nullptr && !(one->site == lane.site)) {
          return "threads wait at different barriers, lines " +
                 std::to_string(one->site.line) + " and " +
                 std::to_string(lane.site.line);
        }
        one = &lane;
        ++waiting;
      }
    }
    if (waiting == 0) {
      return "";
    }
    if (waiting != size) {
      return "a barrier that not all threads come to, line " +
             std::to_string(one->site.line);
    }
    ++group.epoch;
    for (Lane& lane : group.lanes) {
      lane.state = State::RUNS;
    }
  }
}

} // namespace emulated
