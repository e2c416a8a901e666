// Arrays that know who has written and read them: a kernel's threadgroup memory, and
// what it gets and gives. Each misuse is an error, whatever it did to the result.
#pragma once
#include "fibers.hpp"

namespace emulated {

constexpr Word POISON = 0xFFC0DEAD; // a NaN, and as an index far out

struct Access {
  Word write_epoch = 0, writer = 0;
  Word read_epoch = 0, reader = 0; // MANY: more than one
};
constexpr Word MANY = 0xFFFFFFFF;

// Threadgroup memory. Between two barriers one thread may use a word, or many read it.
template <typename T, Word SIZE> struct ThreadgroupArray {
  T values[SIZE];
  Access accesses[SIZE];
};

template <typename T> struct ThreadgroupPointer {
  T* values;
  Access* accesses;
  Word size;
  const char* name;

  void complain(const char* what, Word index) const {
    fail(std::string(name) + "[" + std::to_string(index) + "]: " + what);
  }

  T read(Word index) const {
    if (index >= size) {
      complain("read outside of the array", index);
    }
    Access& access = accesses[index];
    if (access.write_epoch < group.first_epoch) {
      complain("read before it is written", index);
    }
    if (access.write_epoch == group.epoch && access.writer != group.thread) {
      complain("read with no barrier since another thread wrote it", index);
    }
    const bool is_first = access.read_epoch != group.epoch;
    access.reader = is_first || access.reader == group.thread ? group.thread : MANY;
    access.read_epoch = group.epoch;
    return values[index];
  }

  void write(Word index, T value) const {
    if (index >= size) {
      complain("written outside of the array", index);
    }
    Access& access = accesses[index];
    if (access.write_epoch == group.epoch && access.writer != group.thread) {
      complain("written by two threads with no barrier between", index);
    }
    if (access.read_epoch == group.epoch && access.reader != group.thread) {
      complain("written with no barrier since another thread read it", index);
    }
    access.write_epoch = group.epoch;
    access.writer = group.thread;
    values[index] = value;
  }

  struct Element {
    const ThreadgroupPointer& array;
    Word index;
    operator T() const { return array.read(index); }
    const Element& operator=(T value) const {
      array.write(index, value);
      return *this;
    }
  };
  Element operator[](Word index) const { return {*this, index}; }
};

// What a kernel gets: read only. Poison is what an earlier kernel has not written.
template <typename T> struct Input {
  const T* values;
  Word size;
  const char* name;

  T operator[](Word index) const {
    if (index >= size) {
      fail(std::string(name) + "[" + std::to_string(index) + "]: read outside of " +
           std::to_string(size));
    }
    if constexpr (sizeof(T) == sizeof(Word)) {
      Word bits;
      std::memcpy(&bits, &values[index], sizeof bits);
      if (bits == POISON) {
        fail(std::string(name) + "[" + std::to_string(index) + "]: never written");
      }
    }
    return values[index];
  }
};

// What it gives: each element is written once at most, and not read.
template <typename T> struct Output {
  T* values;
  bool* is_written;
  Word size;
  const char* name;

  struct Element {
    const Output& array;
    Word index;
    const Element& operator=(T value) const {
      if (index >= array.size || array.is_written[index]) {
        fail(std::string(array.name) + "[" + std::to_string(index) + "]: " +
             (index < array.size ? "written twice" : "written outside of the array"));
      }
      array.is_written[index] = true;
      array.values[index] = value;
      return *this;
    }
  };
  Element operator[](Word index) const { return {*this, index}; }
};

} // namespace emulated
