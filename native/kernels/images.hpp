// A batch turned: what was image after image becomes number after number, each of many images.
//
// Then images fill the vectors of a convolution, however few channels it has and however its window
// lies: a position at the border leaves out the taps that see padding, and no lane is wasted.

#pragma once

#include "gemm_plan.hpp"
#include "packing.hpp"

namespace pullback::PULLBACK_ISA {

using Index = std::int64_t;

// The images of a batch in blocks of about as many vectors, at most `most`. A block of n numbers an
// image is a matrix of n rows and `width` columns; images that fill up its last vector are 0.
template <class T>
struct ImageBlocks {
    Index batch, vectors, count;

    ImageBlocks(Index images, Index most)
        : batch(images), vectors(vectors_of<T>(images)), count(ceiling(vectors, most)) {}

    Index begin(Index block) const {
        return vectors * block / count * vector_lanes<T>;
    }
    Index width(Index block) const {
        return begin(block + 1) - begin(block);
    }
    Index images(Index block) const {
        return std::min(begin(block + 1), batch) - begin(block);
    }
};

// f(first, count) for pieces of `size` numbers as long as a vector, the last of which overlaps the
// one before; a vector is longer only than all of them.
template <class T, class F>
void each_vector(Index size, F f) {
    constexpr Index lanes = vector_lanes<T>;
    for (Index i = 0; i < size; i += lanes) {
        f(std::max<Index>(std::min(i, size - lanes), 0), std::min(size, lanes));
    }
}

// to[i * width + image] = images[image * apart + i] for the i from 0 to size - 1 of `count` images.
// Images are taken a vector at a time, each along its numbers: more would share too few places in a
// cache.
template <class T>
void turn_images(const T* images, Index apart, Index count, Index size, T* to, Index width) {
    constexpr Index lanes = vector_lanes<T>;
    for (Index first = 0; first < width; first += lanes, images += lanes * apart, to += lanes) {
        const Index rows = std::min(count - first, lanes);
        each_vector<T>(size, [&](Index i, Index some) {
            const auto bytes = sizeof(T) * static_cast<std::size_t>(some);
            Vector<T> square[lanes];
#pragma GCC unroll 16
            for (Index k = 0; k < lanes; ++k) {
                square[k] = Vector<T>{};
                if (k < rows) {
                    if (some == lanes) square[k] = load(images + k * apart + i);
                    if (some != lanes) std::memcpy(&square[k], images + k * apart + i, bytes);
                }
            }
            transpose<T>(square);
#pragma GCC unroll 16
            for (Index k = 0; k < lanes; ++k) {
                if (k < some) store(to + (i + k) * width, square[k]);
            }
        });
    }
}

// images[image * apart + i] = from[i * width + image]: the way back.
template <class T>
void turn_back(const T* from, Index width, Index size, Index count, T* images, Index apart) {
    constexpr Index lanes = vector_lanes<T>;
    for (Index first = 0; first < count; first += lanes, images += lanes * apart, from += lanes) {
        const Index rows = std::min(count - first, lanes);
        each_vector<T>(size, [&](Index i, Index some) {
            const auto bytes = sizeof(T) * static_cast<std::size_t>(some);
            Vector<T> square[lanes];
#pragma GCC unroll 16
            for (Index k = 0; k < lanes; ++k) {
                square[k] = k < some ? load(from + (i + k) * width) : Vector<T>{};
            }
            transpose<T>(square);
#pragma GCC unroll 16
            for (Index k = 0; k < lanes; ++k) {
                if (k < rows) {
                    if (some == lanes) store(images + k * apart + i, square[k]);
                    if (some != lanes) std::memcpy(images + k * apart + i, &square[k], bytes);
                }
            }
        });
    }
}

}  // namespace pullback::PULLBACK_ISA
