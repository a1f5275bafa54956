// What a probe finds out about an array while a program makes it: how its numbers are distributed.
//
// Threads see parts of an array in any order. What they find is put together in the order of the
// elements, so a probe's numbers are the same for any number of threads. Parts that are known
// beforehand have a place each, on a cache line of its own: no thread waits for another.

#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <vector>

namespace pullback {

constexpr std::size_t exponents = 256;  // bins of a histogram: a float32's biased exponents

// How often each exponent was seen: several counters of each, to be added.
using Bins = std::array<std::array<std::uint32_t, exponents>, 4>;

struct Statistics {
    double count = 0, sum = 0, squares = 0;
    double low = std::numeric_limits<double>::infinity();
    double high = -std::numeric_limits<double>::infinity();
    double zeros = 0;
    double outside = 0;  // numbers at or beyond the probe's bounds; NaN where it has none

    void add(const Statistics& other);
};

constexpr std::size_t statistics = 7;

class Probe {
 public:
    // Bounds beyond which numbers are counted, and whether exponents are.
    Probe(double low, double high, bool histogram)
        : low_(low), high_(high), counted_(histogram ? exponents : 0) {}

    double low() const {
        return low_;
    }
    double high() const {
        return high_;
    }
    bool has_histogram() const {
        return !counted_.empty();
    }

    // Places for so many parts, in order; returns the number of the first.
    std::int64_t reserve(std::int64_t parts);
    // A part that has a place; `bins` is null without a histogram.
    void put(std::int64_t place, const Statistics& part, const Bins* bins) noexcept;
    // One that has none, and begins at that element. Where no memory is left for it the probe saw
    // nothing in this run: what ends a look must not throw, and part of an array is not its
    // numbers.
    void add(std::int64_t start, const Statistics& part, const Bins* bins) noexcept;

    // What all parts are together, and nothing is known any more.
    Statistics take(std::span<std::int64_t> bins);
    void forget();

 private:
    struct alignas(64) Place {
        Statistics part;
    };

    void count(const Bins* bins) noexcept;

    double low_, high_;
    std::vector<Place> places_;
    std::atomic_flag taken_;  // held for a few instructions, so others spin
    std::vector<std::pair<std::int64_t, Statistics>> parts_;
    bool lost_ = false;  // a part found no memory
    std::vector<std::int64_t> counted_;
};

}  // namespace pullback
