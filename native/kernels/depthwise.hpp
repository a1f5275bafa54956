// Convolutions in which every channel has a kernel of its own, and their transposes.
//
// As products of matrices they would have one row and one column. Here channels fill the vectors,
// and positions that follow each other along a line share what is loaded of the kernel. What is
// read stays in the first-level cache, so the time is that of memory.

#pragma once

#include "../flushing.hpp"
#include "convolution_strips.hpp"
#include "partial.hpp"

namespace pullback::PULLBACK_ISA {

// Whether each channel is convolved by itself, and there are enough of them to fill vectors.
template <class T>
bool is_depthwise(Index groups, Index inner, Index outer) {
    return inner == 1 && outer == 1 && 2 * groups >= vector_lanes<T>;
}

// f(first, count) for the vectors of `channels`: the last overlaps the one before, or is shorter
// where there is no other.
template <class F>
void each_channels(Index channels, Index lanes, F f) {
    for (Index c = 0; c < channels; c += lanes) {
        f(std::max<Index>(std::min(c, channels - lanes), 0), std::min(channels, lanes));
    }
}

template <class T>
Vector<T> load_channels(const T* from, Index count) {
    return count == vector_lanes<T> ? load(from) : load_some(from, count);
}

template <class T>
class Depthwise {
 public:
    // packed: as many numbers as `size` says; null to ask for that.
    Depthwise(const Convolving& of, T* packed, Epilogue epilogue)
        : of_(of), packed_(packed), epilogue_(epilogue), parts_(parts_of(of)) {
        const int rank = of.from.axes - 2;
        for (int axis = 0; axis < rank; ++axis) {
            from_[most_space - rank + axis] = of.from.shape[axis + 1];
            to_[most_space - rank + axis] = of.to.shape[axis + 1];
            window_[most_space - rank + axis] = of.kernel.shape[axis];
        }
    }

    Index size() const {
        return window_[0] * window_[1] * window_[2] * channels();
    }

    void run(const T* from, const Pool& pool) const {
        pack();
        for (const Part& part : parts_) {
            const auto& [depths, heights, widths] = part.phases;
            const Index lines = of_.from.shape[0] * depths->count * heights->count;
            const Index work = widths->count * (part.depth + 1) * channels() + 1;
            const Index together = std::max<Index>(1, least_work / work);
            pool.run(ceiling(lines, together), [&](Index piece) {
                std::vector<Seen> taps;
                const Index end = std::min(lines, (piece + 1) * together);
                for (Index n = piece * together; n < end; ++n) line(part, n, from, taps);
            });
        }
    }

 private:
    static constexpr Index least_work = 1 << 16;  // products

    // What a position sees through a tap: where that lies from what the window's start would see,
    // and the kernel's numbers.
    struct Seen {
        Index x;
        const T* kernel;
    };

    Index channels() const {
        return of_.groups;
    }

    // The kernel's numbers tap after tap, each for all channels.
    void pack() const {
        const Array& kernel = of_.kernel;
        const int rank = kernel.axes - 2;
        const Index next = kernel.strides[rank + 1];
        T* to = packed_;
        Index tap[most_space];
        for (tap[0] = 0; tap[0] < window_[0]; ++tap[0]) {
            for (tap[1] = 0; tap[1] < window_[1]; ++tap[1]) {
                for (tap[2] = 0; tap[2] < window_[2]; ++tap[2]) {
                    const T* from = kernel.as<const T>();
                    for (int axis = 0; axis < rank; ++axis) {
                        from += tap[most_space - rank + axis] * kernel.strides[axis];
                    }
                    for (Index c = 0; c < channels(); ++c) *to++ = from[c * next];
                }
            }
        }
    }

    void line(const Part& part, Index number, const T* from, std::vector<Seen>& taps) const {
        const auto& [depths, heights, widths] = part.phases;
        const Index h = number % heights->count, d = number / heights->count % depths->count;
        const Index entry = number / heights->count / depths->count;
        const Index row = ((entry * to_[0] + depths->start + d * depths->step) * to_[1] +
                           heights->start + h * heights->step) *
                              to_[2] +
                          widths->start;
        const T* x = from + ((entry * from_[0] + d * depths->move) * from_[1] + h * heights->move) *
                                from_[2] * channels();
        T* y = of_.to.as<T>() + row * channels();
        sum(part, d, h, x, y, taps);
        finish(*widths, row);
    }

    using Range = std::pair<Index, Index>;

    void sum(const Part& part, Index d, Index h, const T* x, T* y, std::vector<Seen>& taps) const {
        const auto& [depths, heights, widths] = part.phases;
        const std::array<Range, 2> lines{depths->inside(d, from_[0]), heights->inside(h, from_[1])};
        const Flushing flushing;
        for (Index w = 0; w < widths->count;) {
            const Range across = widths->inside(w, from_[2]);
            Index end = w + 1;  // of the positions that see the image through the same taps
            while (end < widths->count && widths->inside(end, from_[2]) == across) ++end;
            find(part, lines, across, taps);
            const Index move = widths->move * channels(), next = widths->step * channels();
            positions(taps, x + w * move, move, y + w * next, next, end - w);
            w = end;
        }
    }

    void find(const Part& part, const std::array<Range, 2>& lines, const Range& across,
              std::vector<Seen>& taps) const {
        const auto& [depths, heights, widths] = part.phases;
        taps.clear();
        for (Index i = lines[0].first; i < lines[0].second; ++i) {
            for (Index j = lines[1].first; j < lines[1].second; ++j) {
                for (Index k = across.first; k < across.second; ++k) {
                    const Tap &depth = depths->taps[i], &height = heights->taps[j],
                              &width = widths->taps[k];
                    const Index place =
                        (depth.offset * from_[1] + height.offset) * from_[2] + width.offset;
                    const Index tap =
                        (depth.number * window_[1] + height.number) * window_[2] + width.number;
                    taps.push_back({place * channels(), packed_ + tap * channels()});
                }
            }
        }
    }

    void positions(std::span<const Seen> taps, const T* x, Index move, T* y, Index next,
                   Index count) const {
        constexpr Index most = 8;
        Index i = 0;
        for (; i + most <= count; i += most)
            some<most>(taps, x + i * move, move, y + i * next, next);
        for (; i + 2 <= count; i += 2) some<2>(taps, x + i * move, move, y + i * next, next);
        if (i < count) some<1>(taps, x + i * move, move, y + i * next, next);
    }

    template <int count>
    void some(std::span<const Seen> taps, const T* x, Index move, T* y, Index next) const {
        each_channels(channels(), vector_lanes<T>, [&](Index c, Index width) {
            Vector<T> sums[count] = {};
            for (const Seen& tap : taps) {
                const Vector<T> kernel = load_channels(tap.kernel + c, width);
                const T* from = x + tap.x + c;
#pragma GCC unroll 8
                for (int i = 0; i < count; ++i) {
                    sums[i] += kernel * load_channels(from + i * move, width);
                }
            }
#pragma GCC unroll 8
            for (int i = 0; i < count; ++i) store_some(y + i * next + c, sums[i], width);
        });
    }

    void finish(const Phase& widths, Index row) const {
        if (epilogue_.call == nullptr) return;
        if (widths.step == 1) return epilogue_(row, 0, widths.count, channels());
        for (Index w = 0; w < widths.count; ++w) epilogue_(row + w * widths.step, 0, 1, channels());
    }

    const Convolving& of_;
    T* packed_;
    Epilogue epilogue_;
    std::vector<Part> parts_;
    std::array<Index, most_space> from_{1, 1, 1}, to_{1, 1, 1}, window_{1, 1, 1};
};

}  // namespace pullback::PULLBACK_ISA
