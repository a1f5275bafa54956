// Rows of a few numbers, several of them side by side: each number of a row is a vector of the same
// number of as many rows, so that a row costs no more than its share of vectors.

#pragma once

#include "plan.hpp"

namespace pullback::PULLBACK_ISA {

template <class T>
class ShortRows {
 public:
    static constexpr Index most = 16;                           // numbers in a row
    static constexpr Index beside = static_cast<Index>(lanes);  // rows at a time
    using Numbers = T[beside];                                  // one of each row

    // Whether the numbers taken together are such rows, one behind the other in memory.
    static bool fit(const Plan& plan) {
        return plan.count > 1 && plan.count <= most && plan.reduced.count == 1 &&
               plan.reduced.stride() == 1 && plan.kept.count <= 1 &&
               (plan.kept.count == 0 || plan.kept.stride() == plan.count);
    }

    explicit ShortRows(Index width) : width_(width) {}

    // Fetches rows; those beyond `rows` are 0.
    void load(const T* from, Index rows) {
        if (rows < beside) std::fill_n(columns_[0], width_ * beside, T(0));
        for (Index r = 0; r < rows; ++r) {
            for (Index j = 0; j < width_; ++j) columns_[j][r] = from[r * width_ + j];
        }
    }
    void store(T* to, Index rows) const {
        for (Index r = 0; r < rows; ++r) {
            for (Index j = 0; j < width_; ++j) to[r * width_ + j] = columns_[j][r];
        }
    }

    // f(number, that row's number of `others`) instead of every number.
    template <class F>
    void map(const Numbers& others, F f) {
        for (Index j = 0; j < width_; ++j) {
#pragma GCC ivdep
            for (Index r = 0; r < beside; ++r) columns_[j][r] = f(columns_[j][r], others[r]);
        }
    }

    // The largest of every row, but for NaN, and at least `least`.
    void largest(Numbers& found, T least) const {
        std::fill_n(found, beside, least);
        for (Index j = 0; j < width_; ++j) {
#pragma GCC ivdep
            for (Index r = 0; r < beside; ++r) {
                found[r] = columns_[j][r] > found[r] ? columns_[j][r] : found[r];
            }
        }
    }

    void sum(Numbers& found) const {
        std::fill_n(found, beside, T(0));
        for (Index j = 0; j < width_; ++j) {
#pragma GCC ivdep
            for (Index r = 0; r < beside; ++r) found[r] += columns_[j][r];
        }
    }

 private:
    Index width_;
    alignas(64) T columns_[most][beside];
};

}  // namespace pullback::PULLBACK_ISA
