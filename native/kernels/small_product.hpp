// Products of matrices so small that to cut them up and to pack them costs more than the sums.
//
// Tiles of a few rows and one or two vectors of columns, one after the other, by one thread. B is
// read where it lies if its rows do; otherwise it is copied row by row first.

#pragma once

#include "partial.hpp"

namespace pullback::PULLBACK_ISA {

constexpr int small_rows = tile_rows < 8 ? tile_rows : 8;
constexpr std::int64_t small_work = 512;  // vectors that are multiplied and added

template <class T>
bool is_small(std::int64_t rows, std::int64_t columns, std::int64_t inner) {
    const std::int64_t vectors = (columns + vector_lanes<T> - 1) / vector_lanes<T>;
    return inner <= most_depth && rows * inner * vectors <= small_work;
}

// c = a b for a tile of `rows` rows, whose last vector has `last` columns; those of b and of c lie
// side by side.
template <class T, int rows, int vectors>
void small_tile(std::int64_t inner, Matrix<const T> a, Matrix<const T> b, Matrix<T> c,
                std::int64_t last) {
    constexpr std::int64_t lanes = vector_lanes<T>, rest = (vectors - 1) * lanes;
    Vector<T> sums[rows][vectors]{};
    for (std::int64_t p = 0; p < inner; ++p) {
        const T* right = b.data + p * b.row;
        Vector<T> line[vectors];
        if constexpr (vectors == 2) line[0] = load(right);
        line[vectors - 1] = load_some(right + rest, last);
#pragma GCC unroll 8
        for (int r = 0; r < rows; ++r) {
            const Vector<T> number = a.data[r * a.row + p * a.column] - Vector<T>{};
#pragma GCC unroll 2
            for (int v = 0; v < vectors; ++v) sums[r][v] += number * line[v];
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r) {
        T* to = c.data + r * c.row;
        if constexpr (vectors == 2) store(to, sums[r][0]);
        store_some(to + rest, sums[r][vectors - 1], last);
    }
}

template <class T>
using SmallTile = void (*)(std::int64_t, Matrix<const T>, Matrix<const T>, Matrix<T>, std::int64_t);

// small_tiles<T, vectors>[rows - 1]
template <class T, int vectors>
inline constexpr auto small_tiles = []<int... row>(std::integer_sequence<int, row...>) {
    return std::array<SmallTile<T>, small_rows>{&small_tile<T, row + 1, vectors>...};
}(std::make_integer_sequence<int, small_rows>{});

// c = a b.
template <class T>
void small_product(Matrix<const T> a, Matrix<const T> b, Matrix<T> c, std::int64_t rows,
                   std::int64_t columns, std::int64_t inner) {
    constexpr std::int64_t lanes = vector_lanes<T>;
    alignas(64) T lines[small_work * lanes];
    if (b.column != 1) {
        for (std::int64_t p = 0; p < inner; ++p) {
            for (std::int64_t j = 0; j < columns; ++j) {
                lines[p * columns + j] = b.data[p * b.row + j * b.column];
            }
        }
        b = {lines, columns, 1};
    }
    for (std::int64_t j = 0; j < columns; j += 2 * lanes) {
        const std::int64_t some = std::min(2 * lanes, columns - j);
        const auto& tiles = some > lanes ? small_tiles<T, 2> : small_tiles<T, 1>;
        const std::int64_t last = some > lanes ? some - lanes : some;
        for (std::int64_t i = 0; i < rows; i += small_rows) {
            const std::int64_t height = std::min<std::int64_t>(small_rows, rows - i);
            tiles[height - 1](inner, a.at(i, 0), b.at(0, j), c.at(i, j), last);
        }
    }
}

}  // namespace pullback::PULLBACK_ISA
