// The gradient of kernels of which each channel has its own (depthwise.hpp).
//
// Channels fill the vectors. The positions of a line that see the image through a tap are added up
// in registers, for some vectors of channels at once. The batch is cut into slices by its shape
// alone; each adds into a kernel of its own, and these are added in order.

#pragma once

#include "depthwise.hpp"
#include "kernel_slices.hpp"

namespace pullback::PULLBACK_ISA {

template <class T>
class DepthwiseKernel {
 public:
    DepthwiseKernel(const Array& x, const Array& y, const Array& kernel,
                    std::span<const Index> numbers)
        : kernel_(kernel),
          axes_(slides(x, y, kernel.shape, numbers)),
          inner_(kernel.shape[kernel.axes - 2]),
          channels_(y.shape[y.axes - 1]) {
        lines_ = x.shape[0] * axes_[0].output * axes_[1].output;
        const Index work = axes_[2].output * kernel.size() + 1;  // of a line
        slices_ = std::clamp<Index>(lines_ * work / least_work, 1, std::min(enough, lines_ + 1));
        together_ = std::max<Index>(ceiling(lines_, slices_), 1);
        slices_ = std::max<Index>(ceiling(lines_, together_), 1);
    }

    bool chosen(Index groups) const {
        return is_depthwise<T>(groups, inner_, channels_ / groups);
    }

    std::size_t workspace() const {
        return slices_ > 1 ? static_cast<std::size_t>(slices_ * kernel_.size()) * sizeof(T) : 0;
    }

    void run(const T* x, const T* y, const Pool& pool, std::byte* workspace) const {
        T* parts = slices_ > 1 ? reinterpret_cast<T*>(workspace) : kernel_.as<T>();
        pool.run(slices_, [&](Index slice) {
            T* sums = parts + slice * kernel_.size();
            std::fill_n(sums, kernel_.size(), T{});
            const Flushing flushing;
            const Index end = std::min(lines_, (slice + 1) * together_);
            for (Index line = slice * together_; line < end; ++line) add(x, y, line, sums);
        });
        if (slices_ > 1) add_slices(parts, slices_, kernel_, pool);
    }

 private:
    static constexpr Index enough = 24, least_work = 1 << 18;
    // Positions that are added up before they are added to memory: their numbers stay in the
    // first-level cache while all taps see them.
    static constexpr Index most_positions = 64;
    static constexpr int vectors = 4;

    // What the positions of one line of the outputs add.
    void add(const T* x, const T* y, Index line, T* sums) const {
        const auto& [depths, heights, widths] = axes_;
        const Index h = line % heights.output, d = line / heights.output % depths.output;
        const Index entry = line / heights.output / depths.output;
        const auto [depth, depth_end] = depths.inside(d);
        const auto [height, height_end] = heights.inside(h);
        for (Index w = 0; w < widths.output; w += most_positions) {
            const Index end = std::min(w + most_positions, widths.output);
            for (Index i = depth; i < depth_end; ++i) {
                for (Index j = height; j < height_end; ++j) {
                    const Index row = (entry * depths.input + depths.place(d, i)) * heights.input +
                                      heights.place(h, j);
                    add_taps(x + row * widths.input * channels_,
                             y + line * widths.output * channels_, w, end,
                             sums + (i * heights.window + j) * widths.window * channels_);
                }
            }
        }
    }

    void add_taps(const T* x, const T* y, Index begin, Index end, T* sums) const {
        const Slide& widths = axes_[2];
        const Index move = widths.stride * channels_;
        for (Index tap = 0; tap < widths.window; ++tap) {
            // where the input begins and ends
            const Index first = -widths.place(0, tap), last = first + widths.input;
            const Index from =
                std::clamp(ceiling(std::max<Index>(first, 0), widths.stride), begin, end);
            const Index to =
                std::clamp(ceiling(std::max<Index>(last, 0), widths.stride), from, end);
            if (from == to) continue;
            const T* seen = x + widths.place(from, tap) * channels_;
            const T* cotangents = y + from * channels_;
            T* own = sums + tap * channels_;
            constexpr Index lanes = vector_lanes<T>;
            Index c = 0;
            for (; c + vectors * lanes <= channels_; c += vectors * lanes) {
                some<vectors>(seen + c, move, cotangents + c, to - from, own + c, lanes);
            }
            for (; c < channels_; c += lanes) {
                some<1>(seen + c, move, cotangents + c, to - from, own + c,
                        std::min(lanes, channels_ - c));
            }
        }
    }

    template <int count>
    void some(const T* x, Index move, const T* y, Index positions, T* sums, Index width) const {
        constexpr Index lanes = vector_lanes<T>;
        Vector<T> added[count] = {};
        for (Index p = 0; p < positions; ++p, x += move, y += channels_) {
#pragma GCC unroll 4
            for (int v = 0; v < count; ++v) {
                added[v] +=
                    load_channels(x + v * lanes, width) * load_channels(y + v * lanes, width);
            }
        }
#pragma GCC unroll 4
        for (int v = 0; v < count; ++v) {
            T* to = sums + v * lanes;
            store_some(to, load_channels<T>(to, width) + added[v], width);
        }
    }

    const Array& kernel_;
    Slides axes_;
    Index inner_, channels_, lines_ = 0, slices_ = 1, together_ = 1;
};

}  // namespace pullback::PULLBACK_ISA
