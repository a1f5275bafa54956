// Tiles whose inner dimension lies in several pieces: runs.
//
// A convolution is a product of matrices, of which one has a row for every position of the window.
// That matrix is never made: what the window sees lies in the image as a few runs of neighbouring
// numbers, at the same distances for every position. So a tile (tile.hpp) takes in run after run.
// Source: M. Dukhan, The indirect convolution algorithm, 2019 (there with a pointer for each tap
// and position; here positions of one tile are equally far apart, so that one offset does).

#pragma once

#include "tile.hpp"

namespace pullback::PULLBACK_ISA {

struct Run {
    std::int64_t depth, a, b;  // how many steps, and where in A and B it begins
};

// A tile of runs has two vectors of columns, since channels are often 32 or 64. Where only one is
// wanted, twice the rows fill the registers.
#if defined(__AVX512F__)
constexpr int two_vector_rows = 14;
#else
constexpr int two_vector_rows = tile_rows;
#endif
template <int vectors>
constexpr int run_rows = 2 * two_vector_rows / vectors;
template <class T>
constexpr int run_columns = 2 * vector_lanes<T>;

// Operands of a tile: each run starts at its own offset from `a` and `b`.
template <class T>
struct RunTile {
    const Run* runs;
    std::int64_t count;
    Matrix<const T> a;
    const T* b;
    std::int64_t b_row;
    Matrix<T> c;
    std::int64_t columns;
    bool add;
};

// c (+)= a b for a tile of `rows` rows, as `tile` does.
template <class T, int rows, int vectors>
void run_tile(const RunTile<T>& of) {
    constexpr int lanes = vector_lanes<T>;
    Vector<T> sums[rows][vectors];
#pragma GCC unroll 32
    for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 8
        for (int v = 0; v < vectors; ++v) sums[r][v] = Vector<T>{};
    }
    const std::int64_t a_row = of.a.row, a_column = of.a.column, b_row = of.b_row;
    for (std::int64_t i = 0; i < of.count; ++i) {
        const Run run = of.runs[i];
        const T* left = of.a.data + run.a;
        const T* right = of.b + run.b;
        for (std::int64_t p = 0; p < run.depth; ++p) {
            Vector<T> b_row_now[vectors];
#pragma GCC unroll 8
            for (int v = 0; v < vectors; ++v) b_row_now[v] = load(right + v * lanes);
#pragma GCC unroll 32
            for (int r = 0; r < rows; ++r) {
                const Vector<T> number = left[r * a_row] - Vector<T>{};
#pragma GCC unroll 8
                for (int v = 0; v < vectors; ++v) sums[r][v] += number * b_row_now[v];
            }
            left += a_column;
            right += b_row;
        }
    }
    T* to = of.c.data;
    if (of.columns == vectors * lanes && of.c.column == 1) {
#pragma GCC unroll 32
        for (int r = 0; r < rows; ++r, to += of.c.row) {
#pragma GCC unroll 8
            for (int v = 0; v < vectors; ++v) {
                store(to + v * lanes, of.add ? load(to + v * lanes) + sums[r][v] : sums[r][v]);
            }
        }
        return;
    }
    alignas(64) T lines[rows * vectors * lanes];
#pragma GCC unroll 32
    for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 8
        for (int v = 0; v < vectors; ++v) store(lines + (r * vectors + v) * lanes, sums[r][v]);
    }
    for (int r = 0; r < rows; ++r, to += of.c.row) {
        const T* line = lines + r * vectors * lanes;
        for (std::int64_t j = 0; j < of.columns; ++j) {
            T& number = to[j * of.c.column];
            number = of.add ? number + line[j] : line[j];
        }
    }
}

template <class T, int vectors, int... row>
constexpr auto run_tiles_of(std::integer_sequence<int, row...>) {
    return std::array<void (*)(const RunTile<T>&), sizeof...(row)>{
        &run_tile<T, row + 1, vectors>...};
}
template <class T, int vectors>
inline constexpr auto run_tiles =
    run_tiles_of<T, vectors>(std::make_integer_sequence<int, run_rows<vectors>>{});

// Tiles for `rows` rows of one strip. a, c: of the first row.
template <class T>
void run_column(std::int64_t rows, RunTile<T> of) {
    const bool narrow = of.columns <= vector_lanes<T>;
    evenly(rows, narrow ? run_rows<1> : run_rows<2>, [&](std::int64_t, std::int64_t height) {
        (narrow ? run_tiles<T, 1>[height - 1] : run_tiles<T, 2>[height - 1])(of);
        of.a.data += height * of.a.row;
        of.c.data += height * of.c.row;
    });
}

}  // namespace pullback::PULLBACK_ISA
