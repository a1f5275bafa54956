// Where a chain's registers are looked at by probes, while it runs.

#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "isa.hpp"
#include "probe.hpp"

namespace pullback {

constexpr std::size_t most_taps = 32;  // of a chain

struct Tap {
    int reg = 0;
    int less = -1;  // what is taken off it, another register, if there is any
    Probe* probe = nullptr;
    std::int64_t start = 0;   // of the chain's first element, among those that the probe sees
    std::int64_t place = -1;  // of the chain's first piece with the probe; none: no pieces
    const Looking* looking = nullptr;  // at numbers of its dtype
    bool loaded = false;               // whether the register is filled by a load, before any step
};

// What one thread sees of some of a chain's elements; the probes are told when it ends.
class Look {
 public:
    // start: the first of these elements; piece: which piece they are, if they are one.
    Look(const std::vector<Tap>& taps, std::int64_t start, std::int64_t piece);
    ~Look();
    Look(const Look&) = delete;
    Look& operator=(const Look&) = delete;

    // The next `count` elements, in registers: of those that are loaded, or of those that are made.
    template <class At>
    void see(bool loaded, const At& at, std::int64_t count) {
        for (std::size_t i = 0; i < taps_.size(); ++i) {
            const Tap& tap = taps_[i];
            if (tap.loaded != loaded) continue;
            add(i, at(tap.reg), tap.less < 0 ? nullptr : at(tap.less), count);
        }
    }

 private:
    void add(std::size_t tap, const void* numbers, const void* less, std::int64_t count);
    const std::vector<Tap>& taps_;
    std::int64_t start_, piece_;
    std::array<Lanes, most_taps> lanes_;
    std::array<std::int64_t, most_taps> waiting_;  // how many numbers each of them holds
    std::array<Statistics, most_taps> found_;
    std::vector<Bins> bins_;
};

}  // namespace pullback
