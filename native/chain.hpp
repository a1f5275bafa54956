// A chain of elementwise operations, run as one pass over the elements.
//
// The elements are taken in blocks of 256. A block of each operand is loaded into a register (a
// small array that stays in the first-level cache), the operations run one after the other on
// registers, and what later instructions need is stored: however long the chain, memory is read
// and written once. An operand may be broadcast or strided; only its load knows.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "operands.hpp"
#include "pool.hpp"
#include "small_chain.hpp"
#include "taps.hpp"

namespace pullback {

constexpr int most_registers = 32;
constexpr std::size_t register_bytes = block * 8;

// Part of a chain's elements, counted along the last axis first: `lines` runs of neighbours, one
// every `apart` elements.
struct Lines {
    std::int64_t start = 0, length = 0, lines = 1, apart = 0;
};

class Chain {
 public:
    // Registers that are stored or hold a single number must not be written twice. What is stored
    // may replace what is loaded, element for element. Runs while `looking` is true are seen at the
    // taps: a chain without stores does nothing in others.
    Chain(const Kernels& kernels, Shape shape, std::vector<Load> loads,
          std::vector<ElementwiseStep> steps, std::vector<Store> stores, std::vector<Tap> taps = {},
          const bool* looking = nullptr);

    void run(const Pool& pool);

    // Runs it on some of its elements, by this thread alone.
    void run_on(const Lines& lines);

    // Whether all floats that a run would store are finite. Nothing is stored.
    bool finite(const Pool& pool);
    // A run behind `finite`, of the same operands.
    void run_looked_at(const Pool& pool);

    // Between which numbers what a run would store lies, array by array, as far as that follows
    // from the ranges of what it loads; nothing unless all of it is surely finite.
    std::vector<Interval> bounds(const std::function<Interval(const Array&)>& range) const;

    // f of every array that is read or written.
    template <class F>
    void each_array(F f) {
        loads_.each([&](Load& load) { f(load.from); });
        for (auto& store : stores_) f(store.to);
    }

    // f of every array that is read element for element, in order.
    template <class F>
    void each_straight(F f) const {
        for (const auto& load : loads_.straight) f(load.from);
    }
    template <class F>
    void each_store(F f) const {
        for (const auto& store : stores_) f(store.to);
    }

    std::int64_t size() const {
        return size_;
    }
    // It is run by its pieces, always all of them: probes have a place for each.
    void reserve_places();

    // What is stored is never a subnormal number, but 0: for arrays that are read again and again.
    // Chains of a single block are left as they are.
    void keep_no_subnormals() {
        settles_ = true;
    }

    bool has_taps() const {
        return !taps_.empty();
    }
    // How many operations on numbers a run takes, about.
    std::int64_t work() const {
        return size_ * static_cast<std::int64_t>(steps_.size() + 1);
    }
    // A run is the run of its pieces, in any order and by any thread.
    std::int64_t pieces() const;
    void run_piece(std::int64_t piece) const;

    // Why a chain of these cannot be run; empty if it can.
    std::string refused() const;

 private:
    bool is_seen() const {
        return !taps_.empty() && *looking_;
    }
    template <class F>
    void blocks(const Lines& lines, bool stores, Look* look, F f) const;
    void run_lines(const Lines& lines, std::int64_t piece) const;
    void run_blocks(const Lines& lines, Look* look) const;
    void run_short_lines(const Lines& lines, Look* look) const;
    bool finite_on(const Lines& lines) const;
    static bool reads_after(const std::vector<ElementwiseStep>& steps, int made, int read);
    bool replaces_others(const Store& store) const;
    Lines piece(std::int64_t number) const;
    template <class F>
    void each_piece(const Pool& pool, F f) const;

    const Kernels* kernels_;
    Shape shape_;  // with axes merged where every load allows it
    std::int64_t size_ = 1;
    Loads loads_;
    std::vector<ElementwiseStep> steps_, run_;  // as they were given, and as they are taken
    std::vector<Store> stores_;
    std::vector<Tap> taps_;
    std::vector<ElementwiseStep> seen_;  // the steps as they are taken where registers are seen
    const bool* looking_;
    bool settles_ = false;
    std::unique_ptr<SmallChain> small_;  // where all elements are one block
};

}  // namespace pullback
