// What a chain (chain.hpp) reads and writes, and how the registers of its steps are filled from it.

#pragma once

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "isa.hpp"

namespace pullback {

using Shape = std::vector<std::int64_t>;

struct Load {
    int reg = 0;
    Array from;  // of the chain's shape; strides of 0 where it is broadcast
};

struct Store {
    int reg = 0;
    Array to;            // contiguous
    bool direct = true;  // whether it can be written while the chain still runs on its block
    bool direct_if_seen = true;  // the same, in runs that probes see
};

struct ElementwiseStep {
    const char* name = "";                           // of the operation's row
    Elementwise run = nullptr, by_number = nullptr;  // of the same
    int output = 0;
    int arity = 0;
    std::array<int, most_inputs> inputs{};
    std::vector<double> attributes;
    Dtype made = Dtype::float32;
    OnIntervals on_intervals = nullptr;
};

// The loads of a chain by how they lie in memory.
struct Loads {
    std::vector<Load> single;    // one number for all elements
    std::vector<Load> straight;  // its elements lie in the chain's order: read where they are
    std::vector<Load> strided;

    // Takes axes of the shape together where every load allows it.
    Loads(Shape& shape, std::vector<Load> loads);

    // f of every load.
    template <class F>
    void each(F f) const {
        for (const auto* loads : {&single, &straight, &strided}) {
            for (const auto& load : *loads) f(load);
        }
    }
    template <class F>
    void each(F f) {
        for (auto* loads : {&single, &straight, &strided}) {
            for (auto& load : *loads) f(load);
        }
    }
};

// How many elements a register holds of that many: whole vectors.
constexpr std::int64_t padded(std::int64_t count) {
    constexpr auto all = static_cast<std::int64_t>(lanes);
    return (count + all - 1) / all * all;
}

inline bool aligned(const std::byte* address) {
    return reinterpret_cast<std::uintptr_t>(address) % 64 == 0;
}

// Fills a register, up to whole vectors: with a single number, with elements from `start` on that
// lie one after the other, or with those of an array of that shape, counted along the last axis
// first.
void fill_single(const Load& load, std::byte* reg, std::int64_t count);
void fill_straight(const Load& load, std::byte* reg, std::int64_t start, std::int64_t count);
void fill_strided(const Load& load, const Shape& shape, std::byte* reg, std::int64_t start,
                  std::int64_t count);

// Whether an array is one row again and again.
bool repeats_row(const Array& from, const Shape& shape);

// Where the elements from `start` on lie one after the other, of an array that is one row again and
// again; null of others, and where a row ends before they do.
std::byte* in_row(const Load& load, const Shape& shape, std::int64_t start, std::int64_t count);

// The bytes from the lowest element of an array to the end of the highest.
std::pair<const std::byte*, const std::byte*> extent(const Array& array);

// Whether two arrays of one shape may share a byte; or two arrays, each of its own.
bool overlap(const Array& a, const Array& b, const Shape& shape);
bool overlap(const Array& a, const Array& b);

}  // namespace pullback
