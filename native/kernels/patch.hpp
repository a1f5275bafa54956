// What a block of positions sees of one image, with zeros where it sees padding.
//
// A block that sees no padding reads the image where it lies. Else its part of the image is copied
// into memory of the thread's own, small enough for the second-level cache: every number once,
// where a matrix of patches would hold it once for each tap.

#pragma once

#include <cstring>
#include <memory>

#include "packing.hpp"
#include "run_tile.hpp"
#include "sliding.hpp"

namespace pullback::PULLBACK_ISA {

constexpr Index patch_bytes = 96 << 10;

template <class T>
struct Image {
    const T* data;  // contiguous
    std::array<Index, most_space> shape;
    Index channels;
};

// A part of an image; it may reach beyond it.
struct Box {
    std::array<Index, most_space> start, size;
    Index channel, channels;
};

// The part of the image that `count` positions from `begin` see, axis by axis, of some channels.
using Counts = std::array<Index, most_space>;
inline Box seen(const std::array<const Phase*, most_space>& phases, const Counts& begin,
                const Counts& count, Index channel, Index channels) {
    Box box{{}, {}, channel, channels};
    for (int axis = 0; axis < most_space; ++axis) {
        box.start[axis] = begin[axis] * phases[axis]->move + phases[axis]->first();
        box.size[axis] = phases[axis]->span(count[axis]);
    }
    return box;
}

// Where a part of an image can be read, by the distances of planes, lines, pixels and channels.
template <class T>
struct Patch {
    const T* data;
    Index plane, line, pixel, channel = 1;
};

// Memory of the thread's own, for `count` numbers; what it held before may be gone.
template <class T>
T* scratch(Index count) {
    thread_local std::unique_ptr<Vector<T>[]> memory;
    thread_local Index room = 0;
    if (count > room) {
        room = std::max<Index>(count, patch_bytes / sizeof(T));
        memory.reset(new Vector<T>[static_cast<std::size_t>(room / vector_lanes<T> + 1)]);
    }
    return reinterpret_cast<T*>(memory.get());
}

// `count` pixels of a line from `start` on, those outside 0.
template <class T>
void copy_line(const T* line, const Image<T>& image, const Box& box, T* to) {
    constexpr int width = most_space - 1;
    const Index n = box.channels, start = box.start[width], end = start + box.size[width];
    const Index begin = std::clamp<Index>(0, start, end);
    const Index stop = std::clamp(image.shape[width], begin, end);
    std::fill(to, to + (begin - start) * n, T{});
    std::fill(to + (stop - start) * n, to + (end - start) * n, T{});
    const T* from = line + begin * image.channels + box.channel;
    to += (begin - start) * n;
    if (n == image.channels) {
        std::copy_n(from, (stop - begin) * n, to);
        return;
    }
    for (Index pixel = begin; pixel < stop; ++pixel, from += image.channels, to += n) {
        std::copy_n(from, n, to);
    }
}

template <class T>
Patch<T> patch_of(const Image<T>& image, const Box& box) {
    const auto& shape = image.shape;
    bool inside = box.channels == image.channels;
    for (int axis = 0; axis < most_space; ++axis) {
        inside &= box.start[axis] >= 0 && box.start[axis] + box.size[axis] <= shape[axis];
    }
    if (inside) {
        const Index line = shape[2] * image.channels, plane = shape[1] * line;
        const T* data = image.data + box.start[0] * plane + box.start[1] * line +
                        box.start[2] * image.channels + box.channel;
        return {data, plane, line, image.channels};
    }
    const Index line = box.size[2] * box.channels, plane = box.size[1] * line;
    T* copied = scratch<T>(box.size[0] * plane);
    for (Index i = 0; i < box.size[0]; ++i) {
        for (Index j = 0; j < box.size[1]; ++j) {
            const Index depth = box.start[0] + i, height = box.start[1] + j;
            T* to = copied + i * plane + j * line;
            if (depth < 0 || depth >= shape[0] || height < 0 || height >= shape[1]) {
                std::fill(to, to + line, T{});
            } else {
                const Index before = (depth * shape[1] + height) * shape[2];
                copy_line(image.data + before * image.channels, image, box, to);
            }
        }
    }
    return {copied, plane, line, box.channels};
}

// Pixels of all channels turned, channel by channel: to[c * apart + i] = from[i * row + c].
template <class T>
void turn_line(const T* from, Index row, Index pixels, Index channels, T* to, Index apart) {
    constexpr int lanes = vector_lanes<T>;
    const Index whole = pixels / lanes * lanes, high = channels / lanes * lanes;
    for (Index c = 0; c < high; c += lanes) {
        for (Index i = 0; i < whole; i += lanes) {
            transpose_rows<T, lanes>(from + i * row + c, row, apart, to + c * apart + i);
        }
    }
    for (Index c = 0; c < channels; ++c) {
        for (Index i = c < high ? whole : 0; i < pixels; ++i) to[c * apart + i] = from[i * row + c];
    }
}

// The same part with the pixels of one channel side by side, and whole vectors to read at its end.
template <class T>
Patch<T> turned_patch_of(const Image<T>& image, const Box& box) {
    const auto& shape = image.shape;
    const Index line = box.size[2], plane = box.size[1] * line, apart = box.size[0] * plane;
    const Index count = apart * box.channels;
    T* copied = scratch<T>(count + run_columns<T>);
    std::fill_n(copied, count + run_columns<T>, T{});
    const Index begin = std::clamp<Index>(-box.start[2], 0, line);
    const Index end = std::clamp(shape[2] - box.start[2], begin, line);
    for (Index i = 0; i < box.size[0]; ++i) {
        for (Index j = 0; j < box.size[1]; ++j) {
            const Index depth = box.start[0] + i, height = box.start[1] + j;
            if (depth < 0 || depth >= shape[0] || height < 0 || height >= shape[1]) continue;
            const Index pixel = (depth * shape[1] + height) * shape[2] + box.start[2] + begin;
            const T* from = image.data + pixel * image.channels + box.channel;
            T* to = copied + i * plane + j * line + begin;
            if (image.channels == 1) {
                std::copy_n(from, end - begin, to);
            } else {
                turn_line(from, image.channels, end - begin, box.channels, to, apart);
            }
        }
    }
    // With one channel, its pixels and the channels of a pixel are as far apart: one run.
    return {copied, plane, line, 1, box.channels == 1 ? 1 : apart};
}

// How many lines, positions of a line and channels a block has, so that its patch fits.
struct BlockSize {
    Index lines, positions, channels;
};

template <class T>
BlockSize block_size(const std::array<const Phase*, most_space>& phases, Index channels,
                     Index least_positions) {
    constexpr Index budget = patch_bytes / static_cast<Index>(sizeof(T));
    BlockSize block{phases[1]->count, phases[2]->count, channels};
    const auto patch = [&] {
        return phases[0]->span(1) * phases[1]->span(block.lines) *
               phases[2]->span(block.positions) * block.channels;
    };
    while (patch() > budget && block.lines > 1) block.lines = (block.lines + 1) / 2;
    while (patch() > budget && block.positions > least_positions) {
        block.positions = std::max((block.positions + 1) / 2, least_positions);
    }
    while (patch() > budget && block.channels > 16) block.channels = (block.channels + 1) / 2;
    return block;
}

}  // namespace pullback::PULLBACK_ISA
