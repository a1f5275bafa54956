// A chain of elementwise operations, run as one pass over the elements.
//
// The elements are taken in blocks of 256. A block of each operand is loaded into a register (a
// small array that stays in the first-level cache), the operations run one after the other on
// registers, and what later instructions need is stored: however long the chain, memory is read
// and written once. An operand may be broadcast or strided; only its load knows.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "isa.hpp"
#include "pool.hpp"

namespace pullback {

constexpr int most_registers = 32;
constexpr std::size_t register_bytes = block * 8;

// Part of a chain's elements, counted along the last axis first: `lines` runs of neighbours, one
// every `apart` elements.
struct Lines {
    std::int64_t start = 0, length = 0, lines = 1, apart = 0;
};

struct Load {
    int reg = 0;
    Array from;  // of the chain's shape; strides of 0 where it is broadcast
};

struct Store {
    int reg = 0;
    Array to;            // contiguous
    bool direct = true;  // whether it can be written while the chain still runs on its block
};

struct ElementwiseStep {
    Elementwise run = nullptr, by_number = nullptr;  // of the operation's row
    int output = 0;
    int arity = 0;
    std::array<int, 3> inputs{};
    std::vector<double> attributes;
    Dtype made = Dtype::float32;
    OnIntervals on_intervals = nullptr;
};

class Chain {
 public:
    // Registers that are stored or hold a single number must not be written twice. What is stored
    // may replace what is loaded, element for element.
    Chain(std::vector<std::int64_t> shape, std::vector<Load> loads,
          std::vector<ElementwiseStep> steps, std::vector<Store> stores);

    void run(Pool& pool) const;

    // Runs it on some of its elements, by this thread alone.
    void run_on(const Lines& lines) const;

    // Whether all floats that a run would store are finite. Nothing is stored.
    bool finite(Pool& pool, const Kernels& kernels) const;

    // Between which numbers what a run would store lies, array by array, as far as that follows
    // from the ranges of what it loads; nothing unless all of it is surely finite.
    std::vector<Interval> bounds(const std::function<Interval(const Array&)>& range) const;

    // f of every array that is read or written.
    template <class F>
    void each_array(F f) {
        for (auto* loads : {&single_, &straight_, &strided_}) {
            for (auto& load : *loads) f(load.from);
        }
        for (auto& store : stores_) f(store.to);
    }

    template <class F>
    void each_store(F f) const {
        for (const auto& store : stores_) f(store.to);
    }

    std::int64_t size() const {
        return size_;
    }

    // Why a chain of these cannot be run; empty if it can.
    std::string refused() const;

 private:
    template <class F>
    void blocks(const Lines& lines, bool stores, F f) const;
    bool finite_on(const Lines& lines, const Kernels& kernels) const;
    bool reads_after(int made, int read) const;
    bool replaces_others(const Store& store) const;
    template <class F>
    void pieces(Pool& pool, F f) const;
    void fill(const Load& load, std::byte* reg, std::int64_t start, std::int64_t count,
              bool straight) const;

    std::vector<std::int64_t> shape_;  // with axes merged where every load allows it
    std::int64_t size_ = 1;
    std::vector<Load> single_;    // one number for all elements: loaded once a piece
    std::vector<Load> straight_;  // its elements lie in the chain's order: read where they are
    std::vector<Load> strided_;
    std::vector<ElementwiseStep> steps_;
    std::vector<Store> stores_;
};

}  // namespace pullback
