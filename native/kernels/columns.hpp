// Rows of a matrix folded into one row: every column is a group of its own.
//
// Rows are taken in pieces of at most 128, four at a time; the pieces' results lie below each
// other and are folded in pairs. Narrow rows that follow on each other are first read as fewer,
// wider ones.

#pragma once

#include "folding.hpp"

namespace pullback::PULLBACK_ISA {

constexpr Index row_piece = 128;       // rows that make one partial result
constexpr Index block_columns = 1024;  // as many results as stay in the nearest cache
constexpr Index narrow = 128, widened = 512;

// A number of rows by their places, folded into `sum`; the group of column c is k + c.
template <class Map, class Combine, class T>
void fold_rows(const Operands<T>& x, Index k, const Index* places, int rows, bool first, Index n,
               T* __restrict sum) {
    const Combine combine{};
    const auto mapped = [&](Index place, Index c) {
        return Map{}.far(near_of<Map>(x, place + c, k + c));
    };
    if (rows == 4 && !first) {
        const Index i = places[0], j = places[1], l = places[2], m = places[3];
        for (Index c = 0; c < n; ++c) {
            const T two = combine(mapped(i, c), mapped(j, c));
            sum[c] = combine(sum[c], combine(two, combine(mapped(l, c), mapped(m, c))));
        }
        return;
    }
    for (int row = 0; row < rows; ++row) {
        const Index place = places[row];
        if (first && row == 0) {
            for (Index c = 0; c < n; ++c) sum[c] = mapped(place, c);
        } else {
            for (Index c = 0; c < n; ++c) sum[c] = combine(sum[c], mapped(place, c));
        }
    }
}

// What each piece of rows gives is put at out + piece * stride.
template <class Map, class Combine, class T>
void fold_pieces(const Plan& plan, const Operands<T>& x, Pool* pool, T* out, Index stride) {
    const Index width = plan.kept.length(), rows = plan.count;
    const Index pieces = (rows + row_piece - 1) / row_piece;
    const Index blocks = (width + block_columns - 1) / block_columns;
    const Axes outer = plan.kept.outer();
    const Index cost = std::min(rows, row_piece) * std::min(width, block_columns);
    in_shares(pool, outer.size() * pieces * blocks, cost, [&](Index begin, Index end) {
        for (Index unit = begin; unit < end; ++unit) {
            const Index block = unit % blocks, part = unit / blocks % pieces;
            const Index o = unit / blocks / pieces, first = block * block_columns;
            const Index n = std::min(block_columns, width - first);
            const Index k = o * width + first, base = outer.offset(o) + first;
            const Index last = std::min(rows, (part + 1) * row_piece);
            for (Index row = part * row_piece; row < last; row += 4) {
                const int many = static_cast<int>(std::min<Index>(4, last - row));
                Index places[4] = {};
                for (int i = 0; i < many; ++i) places[i] = base + plan.reduced.offset(row + i);
                T* sum = out + part * stride + k;
                if (row == part * row_piece) {
                    fold_rows<Map, Combine>(x, k, places, 1, true, n, sum);
                    fold_rows<Map, Combine>(x, k, places + 1, many - 1, false, n, sum);
                } else {
                    fold_rows<Map, Combine>(x, k, places, many, false, n, sum);
                }
            }
        }
    });
}

// The pieces' results, each `width` numbers, into the first of them.
template <class Combine, class T>
void fold_in_pairs(T* partial, Index pieces, Index width) {
    for (Index step = 1; step < pieces; step *= 2) {
        for (Index i = 0; i + step < pieces; i += 2 * step) {
            T* sum = partial + i * width;
            const T* other = partial + (i + step) * width;
#pragma GCC ivdep
            for (Index c = 0; c < width; ++c) sum[c] = Combine{}(sum[c], other[c]);
        }
    }
}

// Narrow rows that lie one behind the other, `beside` to a wide one, and the few left over.
struct Widening {
    Index beside = 1;
    Plan wide, rest;
    Index rest_from = 0;

    explicit Widening(const Plan& plan) {
        const Index width = plan.kept.length();
        if (plan.groups == 0 || !plan.columns) return;
        if (plan.kept.count != 1 || plan.reduced.count != 1) return;
        if (plan.reduced.stride() != width || width > narrow) return;
        const Index found = std::min(widened / width, plan.count / 4);
        if (found < 2) return;
        beside = found;
        const auto axes = [](Index length, Index stride) {
            Axes made;
            made.add(length, stride);
            return made;
        };
        const Index rows = plan.count / beside;
        wide = {axes(width * beside, 1), axes(rows, width * beside)};
        rest = {axes(width, 1), axes(plan.count - rows * beside, width)};
        rest_from = rows * beside * width;
    }
};

}  // namespace pullback::PULLBACK_ISA
