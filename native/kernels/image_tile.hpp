// Tiles of a convolution whose rows are channels and whose columns are images.
//
// The kernel's numbers are packed as many side by side as a tile has rows, so every distance but
// that of the images' rows is known when this is compiled: tiles whose distances lie in registers
// spend them, and time, on addresses.

#pragma once

#include <span>

#include "run_tile.hpp"

namespace pullback::PULLBACK_ISA {

constexpr int image_rows = tile_rows, most_image_vectors = 8;

// As many vectors as the registers hold beside one vector of images for each.
constexpr int image_vectors(int rows) {
    constexpr int registers = vector_bytes == 64 ? 30 : 14;
    return std::clamp(registers / (rows + 1), 1, most_image_vectors);
}

// Runs of the packed kernel (`a`) and of turned images (`b`, from `images` on), whose rows are
// `width` apart.
template <class T>
struct ImageTile {
    std::span<const Run> runs;
    const T* kernel;
    const T* images;
    std::int64_t width;
    T* to;              // its rows are `width` apart too
    std::int64_t rows;  // how many of the tile's rows count
    bool add;
};

template <class T, int rows, int vectors>
void image_tile(const ImageTile<T>& of) {
    constexpr int lanes = vector_lanes<T>;
    Vector<T> sums[rows][vectors];
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 8
        for (int v = 0; v < vectors; ++v) sums[r][v] = Vector<T>{};
    }
    const std::int64_t width = of.width;
    for (const Run& run : of.runs) {
        const T* left = of.kernel + run.a;
        const T* right = of.images + run.b;
        for (std::int64_t p = 0; p < run.depth; ++p) {
            Vector<T> seen[vectors];
#pragma GCC unroll 8
            for (int v = 0; v < vectors; ++v) seen[v] = load(right + v * lanes);
#pragma GCC unroll 8
            for (int r = 0; r < rows; ++r) {
                const Vector<T> number = left[r] - Vector<T>{};
#pragma GCC unroll 8
                for (int v = 0; v < vectors; ++v) sums[r][v] += number * seen[v];
            }
            left += rows;
            right += width;
        }
    }
    T* to = of.to;
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r, to += width) {
        if (r == of.rows) return;
#pragma GCC unroll 8
        for (int v = 0; v < vectors; ++v) {
            store(to + v * lanes, of.add ? load(to + v * lanes) + sums[r][v] : sums[r][v]);
        }
    }
}

template <class T>
using ImageTileFunction = void (*)(const ImageTile<T>&);
template <class T, int rows, int... vectors>
constexpr std::array<ImageTileFunction<T>, most_image_vectors> image_tiles_of(
    std::integer_sequence<int, vectors...>) {
    return {&image_tile<T, rows, vectors + 1>...};
}
// image_tiles<T>[rows - 1][vectors - 1], up to `image_vectors` of those rows
template <class T>
inline constexpr auto image_tiles = []<int... row>(std::integer_sequence<int, row...>) {
    return std::array<std::array<ImageTileFunction<T>, most_image_vectors>, image_rows>{
        image_tiles_of<T, row + 1>(std::make_integer_sequence<int, image_vectors(row + 1)>{})...};
}(std::make_integer_sequence<int, image_rows>{});

}  // namespace pullback::PULLBACK_ISA
