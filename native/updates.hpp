// The chains that write slots in place, at the end of a run: all of them, or none.
//
// Before the first of them writes, every new value is known to be finite. Large updates are mostly
// proved so by intervals (intervals.hpp), from the ranges of what they read; what proves nothing,
// and what is small, is computed once without being stored. A slot that an update writes whole has
// its range measured once: from then on it is what the update made of it, until `forget`.

#pragma once

#include <map>
#include <utility>
#include <vector>

#include "chain.hpp"
#include "isa.hpp"
#include "measured.hpp"
#include "pool.hpp"

namespace pullback {

class Updates {
 public:
    explicit Updates(const Kernels& kernels) : kernels_(&kernels) {}

    // Checked: nothing is written unless all that is written is finite.
    void add(Chain chain, bool checked);

    // What large updates read: f(array, where to say what its maker measures at every run).
    template <class F>
    void each_read(F f) {
        find_ranges();
        for (auto& [key, range] : ranges_) {
            if (!range.kept) f(range.array, range.measured);
        }
    }

    bool finite(const Pool& pool);
    // Behind `finite`, of the same operands.
    void run(const Pool& pool);

    // Somebody else may have written to the slots.
    void forget();

 private:
    // Between which numbers an array lies.
    struct Range {
        Array array;
        bool kept = false;  // whether it is a slot that an update writes whole
        bool known = false;
        const Measured* measured = nullptr;  // by the kernel that makes it
        Interval interval{};
        std::vector<Interval> parts{};
    };
    using Key = std::pair<const std::byte*, std::int64_t>;  // where an array begins, and its size

    void find_ranges();
    void measure(const Pool& pool);
    bool bounded(const Chain& chain);

    const Kernels* kernels_;
    std::vector<Chain> chains_;
    bool checked_ = false;
    std::map<Key, Range> ranges_;  // of what large updates read or write
};

}  // namespace pullback
