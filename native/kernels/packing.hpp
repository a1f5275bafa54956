// Parts of matrices made contiguous, in the order in which tiles read them (tile.hpp).

#pragma once

#include <cstring>

#include "tile.hpp"

namespace pullback::PULLBACK_ISA {

// One step of transposing: of each pair of vectors `distance` apart, the off-diagonal blocks of
// that size change places. Steps of half the lanes, a quarter, ... 1 transpose the whole.
template <class T, int distance, int... lane>
inline void exchange(Vector<T>& upper, Vector<T>& lower, std::integer_sequence<int, lane...>) {
    constexpr int lanes = sizeof...(lane);
    const Vector<T> above = upper, below = lower;
    upper = __builtin_shufflevector(above, below,
                                    ((lane & distance) == 0 ? lane : lanes + lane - distance)...);
    lower = __builtin_shufflevector(above, below,
                                    ((lane & distance) == 0 ? lane + distance : lanes + lane)...);
}

template <class T, int distance = vector_lanes<T> / 2>
inline void transpose(Vector<T> (&square)[vector_lanes<T>]) {
    constexpr int lanes = vector_lanes<T>;
    if constexpr (distance > 0) {
#pragma GCC unroll 16
        for (int i = 0; i < lanes; ++i) {
            if ((i & distance) == 0) {
                exchange<T, distance>(square[i], square[i + distance],
                                      std::make_integer_sequence<int, lanes>{});
            }
        }
        transpose<T, distance / 2>(square);
    }
}

// to[p * width + i] = from[i * from.row + p], for `count` < width or = width rows i and the p of
// one vector. It may write whole vectors at each p, beyond the count: later ones go over them.
template <class T, int count>
inline void transpose_rows(const T* from, std::int64_t row, std::int64_t width, T* to) {
    constexpr int lanes = vector_lanes<T>, groups = (count + lanes - 1) / lanes;
    Vector<T> squares[groups][lanes];
#pragma GCC unroll 16
    for (int group = 0; group < groups; ++group) {
#pragma GCC unroll 16
        for (int i = 0; i < lanes; ++i) {
            const int r = group * lanes + i;
            squares[group][i] = r < count ? load(from + r * row) : Vector<T>{};
        }
        transpose<T>(squares[group]);
    }
#pragma GCC unroll 16
    for (int p = 0; p < lanes; ++p) {
#pragma GCC unroll 16
        for (int group = 0; group < groups; ++group) {
            store(to + p * width + group * lanes, squares[group][p]);
        }
    }
}

// A strip of B, whole vectors of its columns for each step of the inner dimension; columns beyond
// the matrix are 0.
template <class T>
void pack_strip(Matrix<const T> b, std::int64_t depth, std::int64_t columns, T* to) {
    constexpr int lanes = vector_lanes<T>, rows_ahead = 16;
    const std::int64_t width = vectors_of<T>(columns) * lanes;
    std::int64_t p = 0;
    if (columns == width && b.column == 1) {
        for (; p < depth; ++p) {
            for (std::int64_t j = 0; j < width; j += lanes) {
                __builtin_prefetch(b.data + (p + rows_ahead) * b.row + j);
                store(to + p * width + j, load(b.data + p * b.row + j));
            }
        }
    } else if (columns == width && b.row == 1) {
        for (; p + lanes <= depth; p += lanes) {
            for (std::int64_t group = 0; group < width; group += lanes) {
                transpose_rows<T, lanes>(b.data + group * b.column + p, b.column, width,
                                         to + p * width + group);
            }
        }
    }
    for (; p < depth; ++p) {
        for (std::int64_t j = 0; j < width; ++j) {
            to[p * width + j] = j < columns ? b.data[p * b.row + j * b.column] : T{};
        }
    }
}

// A panel of A, `tile_rows` numbers for each step of the inner dimension.
template <class T>
void pack_panel(Matrix<const T> a, std::int64_t rows, std::int64_t depth, T* to) {
    constexpr int lanes = vector_lanes<T>;
    std::int64_t p = 0;
    if (rows == tile_rows && a.row == 1) {
        for (; p < depth; ++p) {
            std::memcpy(to + p * tile_rows, a.data + p * a.column, sizeof(T) * tile_rows);
        }
    } else if (rows == tile_rows && a.column == 1) {
        // Not the last vector, which would be written beyond the panel.
        for (; p + lanes < depth; p += lanes) {
            transpose_rows<T, tile_rows>(a.data + p, a.row, tile_rows, to + p * tile_rows);
        }
    }
    for (; p < depth; ++p) {
        for (std::int64_t i = 0; i < rows; ++i) {
            to[p * tile_rows + i] = a.data[i * a.row + p * a.column];
        }
    }
}

// Whole panels, `apart` from each other, of a matrix whose columns lie side by side: what is next
// to each other in memory is read together.
template <class T>
void pack_panels_of_columns(Matrix<const T> a, std::int64_t panels, std::int64_t depth, T* to,
                            std::int64_t apart) {
    constexpr std::int64_t columns_ahead = 16;
    for (std::int64_t p = 0; p < depth; ++p) {
        const T* from = a.data + p * a.column;
        for (std::int64_t i = 0; i < panels; ++i) {
            __builtin_prefetch(from + columns_ahead * a.column + i * tile_rows);
            std::memcpy(to + i * apart + p * tile_rows, from + i * tile_rows,
                        sizeof(T) * tile_rows);
        }
    }
}

}  // namespace pullback::PULLBACK_ISA
