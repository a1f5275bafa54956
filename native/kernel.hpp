// What a kernel is given: arrays by address, shape and strides, and numbers.
//
// Everything that runs natively, but for bytecode, is one function of this form in the table of
// its instruction set (isa.hpp). A program checks a call once, when it is built; while it runs,
// a kernel trusts what it is given.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace pullback {

class Pool;

enum class Dtype : std::uint8_t { float32, float64, int64, boolean };

constexpr std::size_t item_size(Dtype dtype) {
    return dtype == Dtype::float32 ? 4 : dtype == Dtype::boolean ? 1 : 8;
}

constexpr int most_axes = 12, most_loops = 4;

// An array: strides are in elements and may be 0 (repeated) or negative. In loops (tasks.hpp) it
// moves on by so many bytes at each step, of the outermost loop first.
struct Array {
    std::byte* data = nullptr;
    Dtype dtype = Dtype::float32;
    int axes = 0;
    std::array<std::int64_t, most_axes> shape{};
    std::array<std::int64_t, most_axes> strides{};
    std::array<std::int64_t, most_loops> moves{};
    std::int64_t readable = 0;  // from `data` on there are at least so many bytes of memory

    std::int64_t size() const {
        std::int64_t product = 1;
        for (int axis = 0; axis < axes; ++axis) product *= shape[axis];
        return product;
    }
    bool contiguous() const {
        if (size() == 0) return true;
        std::int64_t expected = 1;
        for (int axis = axes; axis-- > 0;) {
            if (shape[axis] != 1 && strides[axis] != expected) return false;
            expected *= shape[axis];
        }
        return true;
    }
    template <class T>
    T* as() const {
        return reinterpret_cast<T*>(data);
    }
};

// What is done with a block of the output as soon as it is final, while it is still in cache; so a
// bias, an activation or a product with a derivative costs no pass over memory. The output is seen
// as a matrix, whose columns are the last axis. It is called from many threads, once for every
// element: blocks don't overlap.
struct Epilogue {
    void* context = nullptr;
    void (*call)(void* context, std::int64_t row, std::int64_t column, std::int64_t rows,
                 std::int64_t columns) = nullptr;

    void operator()(std::int64_t row, std::int64_t column, std::int64_t rows,
                    std::int64_t columns) const {
        if (call != nullptr) call(context, row, column, rows, columns);
    }
};

struct Call {
    std::span<const Array> inputs;
    std::span<const Array> outputs;  // contiguous, unless the kernel's check allows others
    std::span<const std::int64_t> integers;
    std::span<const double> reals;
    std::byte* workspace;  // as many bytes as the kernel asked for, 64-byte aligned
    Pool* pool;
    Epilogue epilogue{};         // nothing, unless the kernel finishes
    const void* plan = nullptr;  // what the kernel's `plan` has made

    template <class Plan>
    const Plan& planned() const {
        return *static_cast<const Plan*>(plan);
    }
};

// What can go wrong while a kernel runs: an index out of range, with its place.
struct Fault {
    std::int64_t value = 0;   // the number that was refused
    std::int64_t place = -1;  // the index of its element; -1: nothing went wrong
    std::int64_t limit = 0;   // what it must be less than
};

struct Kernel {
    const char* name;
    Fault (*run)(const Call&);
    // Why the call cannot be run, in words; empty if it can. Sees shapes, never data.
    std::string (*check)(const Call&);
    // How many bytes of workspace it needs.
    std::size_t (*workspace)(const Call&);
    // Whether it calls the epilogue for every element of its only output.
    bool finishes = false;
    // What follows from shapes and strides, found once and handed to every run; may be null.
    std::shared_ptr<const void> (*plan)(const Call&) = nullptr;
};

}  // namespace pullback
