// The axes of an array in two groups: those along which numbers are taken together, and the rest.
//
// Axes of length 1 are left out, and neighbours that lie as one are joined, so that most calls
// come down to one of two forms. Lines: the numbers taken together lie side by side. Columns:
// what lies side by side belongs apart, as the columns of a matrix whose rows are added.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>

#include "../kernel.hpp"
#include "../pool.hpp"
#include "loops.hpp"

namespace pullback::PULLBACK_ISA {

using Index = std::int64_t;

constexpr Index share = 1 << 15;  // numbers that a thread takes at once

// Axes from the outermost to the innermost, as places in memory.
struct Axes {
    int count = 0;
    std::array<Index, most_axes> shape{}, strides{};

    void add(Index length, Index stride) {
        if (length == 1) return;
        if (count > 0 && strides[count - 1] == length * stride) {
            shape[count - 1] *= length;
            strides[count - 1] = stride;
            return;
        }
        shape[count] = length;
        strides[count++] = stride;
    }
    Index size() const {
        Index product = 1;
        for (int axis = 0; axis < count; ++axis) product *= shape[axis];
        return product;
    }
    // Where the element of that number lies.
    Index offset(Index element) const {
        if (count == 1) return element * strides[0];
        Index sum = 0;
        for (int axis = count; axis-- > 0;) {
            sum += element % shape[axis] * strides[axis];
            element /= shape[axis];
        }
        return sum;
    }
    // Without its innermost axis.
    Axes outer() const {
        Axes rest = *this;
        if (rest.count > 0) --rest.count;
        return rest;
    }
    Index length() const {
        return count > 0 ? shape[count - 1] : 1;
    }
    Index stride() const {
        return count > 0 ? strides[count - 1] : 1;
    }
};

struct Plan {
    Axes kept, reduced;
    Index groups = 0;  // how many results there are
    Index count = 0;   // how many numbers belong to each
    bool columns = false;

    Plan() = default;
    Plan(const Axes& kept_axes, const Axes& reduced_axes)
        : kept(kept_axes),
          reduced(reduced_axes),
          groups(kept.size()),
          count(reduced.size()),
          columns(kept.count > 0 && kept.stride() == 1) {}
};

// The plan of an array whose `axes` are taken together, whatever their order.
inline Plan planned(const Array& array, std::span<const Index> axes) {
    Axes kept, reduced;
    std::array<int, most_axes> inner{};
    int inners = 0;
    for (int axis = 0; axis < array.axes; ++axis) {
        if (std::find(axes.begin(), axes.end(), axis) == axes.end()) {
            kept.add(array.shape[axis], array.strides[axis]);
        } else {
            inner[inners++] = axis;
        }
    }
    // The order among them is free: the largest steps go outside.
    std::stable_sort(inner.begin(), inner.begin() + inners, [&](int a, int b) {
        return std::abs(array.strides[a]) > std::abs(array.strides[b]);
    });
    for (int i = 0; i < inners; ++i) reduced.add(array.shape[inner[i]], array.strides[inner[i]]);
    return {kept, reduced};
}

// Why these cannot be the axes of an array; empty if they can.
inline std::string refused_axes(const Array& array, std::span<const Index> axes) {
    for (std::size_t i = 0; i < axes.size(); ++i) {
        if (axes[i] < 0 || axes[i] >= array.axes) return "an axis is out of range";
        if (std::find(axes.begin(), axes.begin() + i, axes[i]) != axes.begin() + i) {
            return "an axis is named twice";
        }
    }
    return {};
}

// Parts of the workspace, given out in order. Without an address it only counts the bytes.
struct Room {
    std::byte* base = nullptr;
    std::size_t used = 0;

    template <class T>
    T* take(Index count) {
        std::byte* found = base == nullptr ? nullptr : base + used;
        used += (static_cast<std::size_t>(count) * sizeof(T) + 63) / 64 * 64;
        return reinterpret_cast<T*>(found);
    }
};

// f(begin, end) on shares of `items` of which each costs as much as `cost` numbers.
template <class F>
void in_shares(Pool* pool, Index items, Index cost, F f) {
    const Index each = std::max<Index>(1, share / std::max<Index>(cost, 1));
    const Index pieces = (items + each - 1) / each;
    if (pieces <= 1) {
        if (items > 0) f(Index{0}, items);
        return;
    }
    pool->run(pieces, [&](Index i) { f(i * each, std::min(items, (i + 1) * each)); });
}

}  // namespace pullback::PULLBACK_ISA
