// Which of its two forms a convolution takes: by its shape alone.

#pragma once

#include "convolution_images.hpp"

namespace pullback::PULLBACK_ISA {

// How often a tap sees the image, over all positions of an axis.
inline double products_along(const std::vector<Phase>& phases, Index input) {
    Index sum = 0;
    for (const Phase& phase : phases) {
        for (Index position = 0; position < phase.count; ++position) {
            const auto [begin, end] = phase.inside(position, input);
            sum += end - begin;
        }
    }
    return static_cast<double>(sum);
}

// Whether images are the columns of tiles (convolution_images.hpp), else channels are. Both costs
// are in products of vectors for one image; their constants were measured.
//
// Images fill every lane but those beyond the batch, and see no padding; they are turned twice,
// which takes longer where they don't stay in the second-level cache. Channels may fill one vector
// in part, with which a tile loads as much as it computes, and then are stored one by one.
template <class T>
bool by_images(const Convolving& of) {
    const Index batch = of.from.shape[0];
    if (of.from.size() == 0 || of.to.size() == 0) return false;
    const Index inner = of.inner(), outer = of.outer(), lanes = vector_lanes<T>;
    const Index rows = image_strip(outer);
    const ImageBlocks<T> blocks(batch, image_vectors(static_cast<int>(rows)));
    const Index widest = ceiling(blocks.vectors, blocks.count), size = sizeof(T);
    if (of.from.size() / batch * widest * lanes * size > most_turned_bytes) return false;

    const auto real = [](Index number) { return static_cast<double>(number); };
    double products = 1, steps = real(of.groups * inner);
    const int rank = of.from.axes - 2;
    for (int axis = 0; axis < most_space; ++axis) {
        const int own = axis - most_space + rank + 1;
        products *= products_along(of.phases[axis], own > 0 ? of.from.shape[own] : 1);
        Index taps = 0;
        for (const Phase& phase : of.phases[axis]) taps += phase.count * std::ssize(phase.taps);
        steps *= real(taps);
    }
    constexpr Index cache = 1 << 20;
    const Index numbers = of.from.size() + of.to.size();
    const double turning = numbers * size <= cache ? 1.2 : 2.0;
    const double waiting = std::max(1.0, real(widest + rows) / real(widest * rows));
    const double lanes_used = real(batch) / real(blocks.vectors);
    const double images =
        1.25 * waiting * products * real(of.groups * inner * rounded_up(outer, rows)) / lanes_used +
        turning * real(numbers) / real(batch);

    const Index vectors = vectors_of<T>(outer);
    const double stored = outer % lanes == 0 ? 2.0 * real(vectors) : 2.0 * real(outer);
    const double channels = steps * (vectors == 1 ? 2.0 : 1.25 * real(vectors)) +
                            stored * real(of.to.size() / batch / outer);
    return images < 0.9 * channels;
}

}  // namespace pullback::PULLBACK_ISA
