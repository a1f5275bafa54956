// The innermost part of a matrix product: a tile of the output that is kept in registers.
//
// For each step along the inner dimension a tile takes one vector of a strip of B and one number
// of each of its rows of A, and adds their products. The tile is as large as the registers allow,
// so that loads are few beside the products. Source: K. Goto, R. van de Geijn, Anatomy of
// high-performance matrix multiplication, ACM TOMS 34(3), 2008; its form as one tile kernel:
// F. Van Zee, R. van de Geijn, BLIS, ACM TOMS 41(3), 2015.

#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <tuple>
#include <utility>

namespace pullback::PULLBACK_ISA {

// One accumulator takes in at most `most_depth` products; longer sums are added up from parts. So
// deep a strip of B stays in the first-level cache.
#if defined(__AVX512F__)
constexpr int vector_bytes = 64, tile_rows = 8, tile_vectors = 3;
constexpr std::int64_t most_depth = 192;
#elif defined(__AVX2__)
constexpr int vector_bytes = 32, tile_rows = 6, tile_vectors = 2;
constexpr std::int64_t most_depth = 384;
#else
constexpr int vector_bytes = 16, tile_rows = 4, tile_vectors = 2;
constexpr std::int64_t most_depth = 384;
#endif

template <class T>
constexpr int vector_lanes = vector_bytes / static_cast<int>(sizeof(T));
template <class T>
constexpr int strip_columns = tile_vectors * vector_lanes<T>;

template <class T>
struct Vectors {
    typedef T Vector __attribute__((vector_size(vector_bytes)));
    typedef T Unaligned __attribute__((vector_size(vector_bytes), aligned(alignof(T)), may_alias));
};
template <class T>
using Vector = typename Vectors<T>::Vector;

template <class T>
inline Vector<T> load(const T* from) {
    return *reinterpret_cast<const typename Vectors<T>::Unaligned*>(from);
}

template <class T>
inline void store(T* to, Vector<T> value) {
    *reinterpret_cast<typename Vectors<T>::Unaligned*>(to) = value;
}

// A matrix by its first element and the distance, in elements, of rows and of columns.
template <class T>
struct Matrix {
    T* data;
    std::int64_t row, column;

    Matrix at(std::int64_t i, std::int64_t j) const {
        return {data + i * row + j * column, row, column};
    }
};

// c (+)= a b for a tile of `rows` rows: b has whole vectors, of which `columns` numbers count.
template <class T, int rows, int vectors>
void tile(std::int64_t depth, Matrix<const T> a, Matrix<const T> b, Matrix<T> c,
          std::int64_t columns, bool add) {
    constexpr int lanes = vector_lanes<T>;
    Vector<T> sums[rows][vectors];
#pragma GCC unroll 16
    for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 8
        for (int v = 0; v < vectors; ++v) sums[r][v] = Vector<T>{};
    }
#pragma GCC unroll 16
    for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 8
        for (int v = 0; v < vectors; ++v) __builtin_prefetch(c.data + r * c.row + v * lanes, 1);
    }
    const T* left = a.data;
    const T* right = b.data;
    for (std::int64_t p = 0; p < depth; ++p) {
        Vector<T> b_row[vectors];
#pragma GCC unroll 8
        for (int v = 0; v < vectors; ++v) b_row[v] = load(right + v * lanes);
#pragma GCC unroll 16
        for (int r = 0; r < rows; ++r) {
            const Vector<T> number = left[r * a.row] - Vector<T>{};
#pragma GCC unroll 8
            for (int v = 0; v < vectors; ++v) sums[r][v] += number * b_row[v];
        }
        left += a.column;
        right += b.row;
    }
    // Every loop over `sums` is unrolled, so that they are registers and never an array.
    if (columns == vectors * lanes) {
        T* to = c.data;
#pragma GCC unroll 16
        for (int r = 0; r < rows; ++r, to += c.row) {
#pragma GCC unroll 8
            for (int v = 0; v < vectors; ++v) {
                store(to + v * lanes, add ? load(to + v * lanes) + sums[r][v] : sums[r][v]);
            }
        }
        return;
    }
    alignas(64) T lines[rows * vectors * lanes];
#pragma GCC unroll 16
    for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 8
        for (int v = 0; v < vectors; ++v) store(lines + (r * vectors + v) * lanes, sums[r][v]);
    }
    for (int r = 0; r < rows; ++r) {
        const T* line = lines + r * vectors * lanes;
        T* to = c.data + r * c.row;
        for (std::int64_t j = 0; j < columns; ++j) to[j] = add ? to[j] + line[j] : line[j];
    }
}

template <class T>
using Tile = void (*)(std::int64_t, Matrix<const T>, Matrix<const T>, Matrix<T>, std::int64_t,
                      bool);

// tiles<T>[vectors - 1][rows - 1]
template <class T, int vectors, int... row>
constexpr std::array<Tile<T>, tile_rows> tiles_of(std::integer_sequence<int, row...>) {
    return {&tile<T, row + 1, vectors>...};
}
template <class T>
inline constexpr auto tiles = []<int... v>(std::integer_sequence<int, v...>) {
    return std::array<std::array<Tile<T>, tile_rows>, tile_vectors>{
        tiles_of<T, v + 1>(std::make_integer_sequence<int, tile_rows>{})...};
}(std::make_integer_sequence<int, tile_vectors>{});

// How many vectors hold so many columns.
template <class T>
constexpr std::int64_t vectors_of(std::int64_t columns) {
    return (columns + vector_lanes<T> - 1) / vector_lanes<T>;
}

// The strips that `columns` are cut into: all as wide as a tile, but for the last two, which share
// what is left so that neither is a single vector, which would keep a tile waiting.
template <class T>
struct StripsOf {
    std::int64_t columns;

    std::int64_t count() const {
        return (columns + strip_columns<T> - 1) / strip_columns<T>;
    }
    std::int64_t begin(std::int64_t strip) const {
        const std::int64_t whole = strip * strip_columns<T>, left = columns - whole;
        const bool narrow = tile_vectors > 2 && strip > 0 && left <= vector_lanes<T>;
        return std::min(columns, narrow && left > 0 ? whole - vector_lanes<T> : whole);
    }
    std::int64_t width(std::int64_t strip) const {
        return begin(strip + 1) - begin(strip);
    }
};

// f(first, height) of tiles of at most `most` rows and about the same height that cover `rows`: a
// low tile would wait for its own sums.
template <class F>
void evenly(std::int64_t rows, std::int64_t most, F f) {
    const std::int64_t parts = (rows + most - 1) / most;
    std::int64_t first = 0;
    for (std::int64_t part = 0; part < parts; ++part) {
        const std::int64_t height = rows / parts + (part < rows % parts ? 1 : 0);
        f(first, height);
        first += height;
    }
}

}  // namespace pullback::PULLBACK_ISA
