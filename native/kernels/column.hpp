// A matrix times a single column: there is nothing to share between columns, so a tile would leave
// most of its vectors unused. Numbers of A that lie side by side make the vectors instead.

#pragma once

#include "packing.hpp"

namespace pullback::PULLBACK_ISA {

// y[i] (+)= the sum over p of a[i * row + p] x[p], for `rows` rows.
template <class T, int rows>
inline void dot(std::int64_t depth, const T* a, std::int64_t row, const T* x, T* y, bool add) {
    constexpr int lanes = vector_lanes<T>;
    Vector<T> sums[rows][2];
#pragma GCC unroll 4
    for (int r = 0; r < rows; ++r) sums[r][0] = sums[r][1] = Vector<T>{};
    std::int64_t p = 0;
    for (; p + 2 * lanes <= depth; p += 2 * lanes) {
        const Vector<T> first = load(x + p), second = load(x + p + lanes);
#pragma GCC unroll 4
        for (int r = 0; r < rows; ++r) {
            sums[r][0] += load(a + r * row + p) * first;
            sums[r][1] += load(a + r * row + p + lanes) * second;
        }
    }
#pragma GCC unroll 4
    for (int r = 0; r < rows; ++r) {
        T parts[lanes], total{};
        store(parts, sums[r][0] + sums[r][1]);
        for (std::int64_t rest = p; rest < depth; ++rest) total += a[r * row + rest] * x[rest];
        for (int lane = 0; lane < lanes; ++lane) total += parts[lane];
        y[r] = add ? y[r] + total : total;
    }
}

// c (+)= a b for `rows` rows and one column, whose numbers in c lie side by side. `own` has room
// for a strip (packing.hpp).
template <class T>
void column_product(std::int64_t depth, Matrix<const T> a, Matrix<const T> b, T* c,
                    std::int64_t rows, bool add, T* own) {
    constexpr std::int64_t width = strip_columns<T>;
    if (a.column == 1) {
        const T* x = b.data;
        if (b.row != 1) {
            for (std::int64_t p = 0; p < depth; ++p) own[p] = b.data[p * b.row];
            x = own;
        }
        std::int64_t i = 0;
        for (; i + 4 <= rows; i += 4) dot<T, 4>(depth, a.at(i, 0).data, a.row, x, c + i, add);
        for (; i < rows; ++i) dot<T, 1>(depth, a.at(i, 0).data, a.row, x, c + i, add);
        return;
    }
    // The transposed product, one row: b's numbers times rows of a's transpose.
    for (std::int64_t i = 0; i < rows; i += width) {
        const std::int64_t some = std::min(width, rows - i);
        Matrix<const T> strip{a.at(i, 0).data, a.column, a.row};
        if (strip.column != 1 || some % vector_lanes<T> != 0) {
            pack_strip(strip, depth, some, own);
            strip = {own, vectors_of<T>(some) * vector_lanes<T>, 1};
        }
        tiles<T>[vectors_of<T>(some) - 1][0](depth, {b.data, 0, b.row}, strip, {c + i, 0, 1}, some,
                                             add);
    }
}

}  // namespace pullback::PULLBACK_ISA
