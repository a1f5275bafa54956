// Strided arrays made contiguous.
//
//   name  integers  reals  inputs  of
//   copy  -         -      x       any dtype
//
// Axes that lie as one in both arrays are joined first. What then lies side by side in both is
// copied as bytes. Where one array has its neighbours along another axis than the other, as in a
// transpose, the two axes are walked in tiles, so that both sides stay within the cache.

#include "copying.hpp"

#include <cstring>

#include "table.hpp"

namespace pullback::PULLBACK_ISA {

namespace {

constexpr Index tile = 32;

// Axes of two arrays of one shape.
struct Both {
    int count = 0;
    std::array<Index, most_axes> shape{}, from{}, to{};

    void add(Index length, Index a, Index b) {
        if (length == 1) return;
        if (count > 0 && from[count - 1] == length * a && to[count - 1] == length * b) {
            shape[count - 1] *= length;
            from[count - 1] = a;
            to[count - 1] = b;
            return;
        }
        shape[count] = length;
        from[count] = a;
        to[count++] = b;
    }
    // An axis taken out; length 1 if there is none.
    std::array<Index, 3> taken(int axis) {
        if (axis < 0) return {1, 0, 0};
        const std::array<Index, 3> found = {shape[axis], from[axis], to[axis]};
        --count;
        for (int i = axis; i < count; ++i) {
            shape[i] = shape[i + 1];
            from[i] = from[i + 1];
            to[i] = to[i + 1];
        }
        return found;
    }
    Index size() const {
        Index product = 1;
        for (int axis = 0; axis < count; ++axis) product *= shape[axis];
        return product;
    }
    std::pair<Index, Index> offsets(Index element) const {
        Index a = 0, b = 0;
        for (int axis = count; axis-- > 0;) {
            const Index i = element % shape[axis];
            a += i * from[axis];
            b += i * to[axis];
            element /= shape[axis];
        }
        return {a, b};
    }
};

template <class U>
void copy_run(const U* x, Index from, U* y, Index to, Index n) {
    if (from == 1 && to == 1) {
        if (n * static_cast<Index>(sizeof(U)) > 256) {
            std::memcpy(y, x, static_cast<std::size_t>(n) * sizeof(U));
        } else {
#pragma GCC ivdep
            for (Index i = 0; i < n; ++i) y[i] = x[i];
        }
    } else if (from == 0 && to == 1) {
        std::fill(y, y + n, *x);
    } else if (to == 1) {
        for (Index i = 0; i < n; ++i) y[i] = x[i * from];
    } else {
        for (Index i = 0; i < n; ++i) y[i * to] = x[i * from];
    }
}

// Rows begin to end - 1 of a matrix whose rows lie side by side in `x`.
template <class U>
void copy_turned(const U* x, Index x_column, U* y, Index y_row, Index begin, Index end, Index n) {
    for (Index first = 0; first < n; first += tile) {
        const Index last = std::min(n, first + tile);
        Index i = begin;
        for (; i + 4 <= end; i += 4) {
            for (Index c = first; c < last; ++c) {
                const U* four = x + i + c * x_column;
                y[i * y_row + c] = four[0];
                y[(i + 1) * y_row + c] = four[1];
                y[(i + 2) * y_row + c] = four[2];
                y[(i + 3) * y_row + c] = four[3];
            }
        }
        for (; i < end; ++i) {
            for (Index c = first; c < last; ++c) y[i * y_row + c] = x[i + c * x_column];
        }
    }
}

template <class U>
void copy_as(Both axes, const U* x, U* y, Pool* pool) {
    const auto [n, from, to] = axes.taken(axes.count - 1);
    int side = -1;  // the axis along which the elements of x lie side by side
    for (int axis = 0; axis < axes.count; ++axis) {
        if (axes.from[axis] == 1) side = axis;
    }
    if (to == 1 && from != 1 && from != 0 && side >= 0) {
        const auto [rows, one, y_row] = axes.taken(side);
        const Index parts = (rows + tile - 1) / tile, length = n, column = from;
        in_shares(pool, axes.size() * parts, length * tile,
                  [&, row = y_row, m = rows](Index b, Index e) {
                      for (Index i = b; i < e; ++i) {
                          const auto [a, c] = axes.offsets(i / parts);
                          const Index first = i % parts * tile;
                          copy_turned(x + a, column, y + c, row, first, std::min(m, first + tile),
                                      length);
                      }
                  });
        return;
    }
    const auto [m, x_row, y_row] = axes.taken(axes.count - 1);  // runs, several at once
    const Index most = std::max<Index>(1, share / (n + 1));
    const Index parts = (n + share - 1) / share, bands = (m + most - 1) / most;
    const std::array<Index, 3> run = {n, from, to}, rows = {m, x_row, y_row};
    in_shares(pool, axes.size() * bands * parts, std::min(n * std::min(m, most), share),
              [&](Index b, Index e) {
                  for (Index i = b; i < e; ++i) {
                      const auto [a, c] = axes.offsets(i / parts / bands);
                      const Index first = i % parts * share, band = i / parts % bands * most;
                      const Index length = std::min(share, run[0] - first);
                      for (Index row = band; row < std::min(rows[0], band + most); ++row) {
                          copy_run(x + a + row * rows[1] + first * run[1], run[1],
                                   y + c + row * rows[2] + first * run[2], run[2], length);
                      }
                  }
              });
}

Fault run(const Call& call) {
    copy_elements(call.inputs[0], call.outputs[0], call.pool);
    return {};
}

std::string check(const Call& call) {
    if (call.inputs.size() != 1 || call.outputs.size() != 1) return "it copies one array";
    const Array &x = call.inputs[0], &y = call.outputs[0];
    const bool alike = x.dtype == y.dtype && x.axes == y.axes &&
                       std::equal(x.shape.begin(), x.shape.begin() + x.axes, y.shape.begin());
    if (!alike || !y.contiguous()) return "the output must be contiguous, of the input's kind";
    return {};
}

std::size_t workspace(const Call&) {
    return 0;
}

const Kernel rows[] = {{"copy", run, check, workspace}};

}  // namespace

void copy_elements(const Array& from, const Array& to, Pool* pool) {
    if (from.size() == 0) return;
    Both axes;
    for (int axis = 0; axis < from.axes; ++axis) {
        axes.add(from.shape[axis], from.strides[axis], to.strides[axis]);
    }
    switch (item_size(from.dtype)) {
        case 1:
            return copy_as(axes, from.as<const std::uint8_t>(), to.as<std::uint8_t>(), pool);
        case 4:
            return copy_as(axes, from.as<const std::uint32_t>(), to.as<std::uint32_t>(), pool);
        default:
            return copy_as(axes, from.as<const std::uint64_t>(), to.as<std::uint64_t>(), pool);
    }
}

std::span<const Kernel> copy_kernels() {
    return rows;
}

}  // namespace pullback::PULLBACK_ISA
