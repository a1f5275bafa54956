// Between which numbers the results of an operation lie, if its inputs lie between others.
//
// By this a chain that updates parameters is known to stay finite before it runs: from the range of
// the gradient and those of the slots, without a look at every number that it would write. Where
// the answer is no, or unknown, every number is looked at. Source: R. E. Moore, Interval analysis,
// 1966.

#pragma once

#include <limits>
#include <string_view>

namespace pullback {

// Finite numbers from low to high; unbounded where NaN or inf cannot be ruled out.
struct Interval {
    double low = -std::numeric_limits<double>::infinity();
    double high = std::numeric_limits<double>::infinity();

    bool within(double limit) const {
        return low >= -limit && high <= limit;
    }
};

// The interval of an operation's results, for inputs that are bounded.
using OnIntervals = Interval (*)(const Interval* inputs);

// The bound of the operation with that name; nullptr where none is known.
OnIntervals on_intervals(std::string_view operation);

}  // namespace pullback
