// Between which numbers the output of a kernel lies: found out part by part, by the threads that
// compute it, while each part is still in cache.

#pragma once

#include <atomic>
#include <limits>

#include "isa.hpp"

namespace pullback {

class Measured {
 public:
    explicit Measured(Range range) : range_(range) {}

    // Nothing is measured yet.
    void reset() {
        low_ = std::numeric_limits<double>::infinity();
        high_ = -std::numeric_limits<double>::infinity();
    }

    // A block of the output.
    void add(const Array& output, std::int64_t row, std::int64_t column, std::int64_t rows,
             std::int64_t columns) {
        const std::int64_t width = output.shape[output.axes - 1];
        const auto item = static_cast<std::int64_t>(item_size(output.dtype));
        const Interval found =
            range_(output.data + (row * width + column) * item, rows, columns, width);
        move(low_, found.low, [](double a, double b) { return a < b; });
        move(high_, found.high, [](double a, double b) { return a > b; });
    }

    bool finite() const {
        return interval().within(std::numeric_limits<double>::max());
    }

    // Of the whole output, once all blocks were added.
    Interval interval() const {
        return {low_, high_};
    }

 private:
    template <class F>
    static void move(std::atomic<double>& end, double to, F beyond) {
        double now = end.load();
        while (beyond(to, now) && !end.compare_exchange_weak(now, to)) {
        }
    }

    Range range_;
    std::atomic<double> low_{0}, high_{0};
};

}  // namespace pullback
