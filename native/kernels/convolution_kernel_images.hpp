// A small kernel's gradient as products whose vectors are images (images.hpp).
//
// A kernel of few numbers fills few lanes as a matrix. Here every number of it has a vector of
// sums, one for each image; what all positions of a line add is kept in registers for some rows of
// the kernel and some columns, and the sums stay in the first-level cache. The input is turned
// once, its lines with their padding; the outputs' lines are turned as they are needed.

#pragma once

#include "../flushing.hpp"
#include "convolution.hpp"
#include "images.hpp"
#include "patch.hpp"

namespace pullback::PULLBACK_ISA {

// Rows and columns of a tile, whose sums fill most registers.
constexpr int gradient_rows = vector_bytes == 64 ? 4 : 2, gradient_columns = 6;

// sums[r * columns + c] += x[r] y[c] over `positions` of a line; all distances are in vectors.
template <class T>
struct GradientTile {
    const Vector<T>* x;
    Index x_step;
    const Vector<T>* y;
    Index y_step, positions;
    Vector<T>* sums;
    Index columns;
};

template <class T, int rows, int columns>
void gradient_tile(const GradientTile<T>& of) {
    Vector<T> sums[rows][columns];
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 8
        for (int c = 0; c < columns; ++c) sums[r][c] = of.sums[r * of.columns + c];
    }
    const Vector<T>*x = of.x, *y = of.y;
    for (Index p = 0; p < of.positions; ++p, x += of.x_step, y += of.y_step) {
#pragma GCC unroll 8
        for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 8
            for (int c = 0; c < columns; ++c) sums[r][c] += x[r] * y[c];
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 8
        for (int c = 0; c < columns; ++c) of.sums[r * of.columns + c] = sums[r][c];
    }
}

template <class T, int rows, int... column>
constexpr auto gradient_tiles_of(std::integer_sequence<int, column...>) {
    return std::array<void (*)(const GradientTile<T>&), gradient_columns>{
        &gradient_tile<T, rows, column + 1>...};
}
// gradient_tiles<T>[rows - 1][columns - 1]
template <class T>
inline constexpr auto gradient_tiles = []<int... row>(std::integer_sequence<int, row...>) {
    return std::array{
        gradient_tiles_of<T, row + 1>(std::make_integer_sequence<int, gradient_columns>{})...};
}(std::make_integer_sequence<int, gradient_rows>{});

template <class T>
class ImageKernelGradient {
 public:
    ImageKernelGradient(const Array& x, const Array& y, const Array& kernel, const Slides& axes)
        : x_(x),
          y_(y),
          kernel_(kernel),
          axes_(axes),
          inner_(x.shape[x.axes - 1]),
          outer_(y.shape[y.axes - 1]),
          blocks_(x.shape[0], 1) {
        for (int axis = 0; axis < most_space; ++axis) phases_[axis] = phases_forward(axes[axis])[0];
        seen_ = phases_[2].span(axes[2].output);
        units_ = blocks_.count * axes[0].output * axes[1].output;
        together_ = ceiling(units_, most_slices);
        slices_ = ceiling(units_, std::max<Index>(together_, 1));
    }

    // Whether it is faster, by shape alone: sums that stay near, lanes that are not wasted, and
    // columns that would fill no more than one vector.
    bool chosen(Index groups) const {
        constexpr Index most_sums = (24 << 10) / vector_bytes;
        const Index batch = x_.shape[0], lanes = vector_lanes<T>;
        return groups == 1 && units_ > 0 && kernel_.size() <= most_sums && outer_ <= lanes &&
               batch * 4 >= blocks_.vectors * lanes * 3 &&
               x_image() * static_cast<Index>(sizeof(T)) * blocks_.vectors * lanes <= 1 << 24;
    }

    std::size_t workspace() const {
        Room room;
        places(room);
        return room.used;
    }

    void run(const T* x, const T* y, const Pool& pool, std::byte* workspace) const {
        Room room{workspace};
        const auto [turned, sums] = places(room);
        turn(x, turned, pool);
        pool.run(slices_, [&](Index slice) {
            Vector<T>* own = sums + slice * kernel_.size();
            std::fill_n(own, kernel_.size(), Vector<T>{});
            const Flushing flushing;
            const Index end = std::min(units_, (slice + 1) * together_);
            for (Index unit = slice * together_; unit < end; ++unit) {
                add_line(turned, y, unit, own);
            }
        });
        T* to = kernel_.as<T>();
        for (Index i = 0; i < kernel_.size(); ++i) {
            Vector<T> sum = sums[i];
            for (Index slice = 1; slice < slices_; ++slice) sum += sums[slice * kernel_.size() + i];
            T all{};
            for (int lane = 0; lane < vector_lanes<T>; ++lane) all += sum[lane];
            to[i] = all;
        }
    }

 private:
    static constexpr Index most_slices = 24;

    // Vectors of an image's turned input: whole lines of what all positions see.
    Index x_image() const {
        return axes_[0].input * axes_[1].input * seen_ * inner_;
    }
    std::pair<Vector<T>*, Vector<T>*> places(Room& room) const {
        auto* turned = room.take<Vector<T>>(blocks_.count * x_image());
        return {turned, room.take<Vector<T>>(slices_ * kernel_.size())};
    }

    void turn(const T* x, Vector<T>* turned, const Pool& pool) const {
        const Index lines = axes_[0].input * axes_[1].input, wide = axes_[2].input;
        const Index image = lines * wide * inner_, start = phases_[2].first();
        const Index begin = std::clamp<Index>(-start, 0, seen_);
        const Index end = std::clamp(wide - start, begin, seen_);
        pool.run(blocks_.count, [&](Index block) {
            for (Index line = 0; line < lines; ++line) {
                Vector<T>* to = turned + block * x_image() + line * seen_ * inner_;
                std::fill_n(to, begin * inner_, Vector<T>{});
                std::fill(to + end * inner_, to + seen_ * inner_, Vector<T>{});
                const Index from =
                    blocks_.begin(block) * image + (line * wide + start + begin) * inner_;
                turn_images(x + from, image, blocks_.images(block), (end - begin) * inner_,
                            reinterpret_cast<T*>(to + begin * inner_), Index{vector_lanes<T>});
            }
        });
    }

    // What the positions of one line of some images add to all sums.
    void add_line(const Vector<T>* turned, const T* y, Index unit, Vector<T>* sums) const {
        const Index lines = axes_[0].output * axes_[1].output, wide = axes_[2].output;
        const Index block = unit / lines, line = unit % lines, image = lines * wide * outer_;
        T* own = scratch<T>(wide * outer_ * vector_lanes<T>);
        turn_images(y + blocks_.begin(block) * image + line * wide * outer_, image,
                    blocks_.images(block), wide * outer_, own, Index{vector_lanes<T>});
        GradientTile<T> tile{nullptr, phases_[2].move * inner_, nullptr, outer_, wide, nullptr,
                             outer_};
        const Index d = line / axes_[1].output, h = line % axes_[1].output;
        const auto [depth, depth_end] = axes_[0].inside(d);
        const auto [height, height_end] = axes_[1].inside(h);
        for (Index i = depth; i < depth_end; ++i) {
            for (Index j = height; j < height_end; ++j) {
                const Index from = axes_[0].place(d, i) * axes_[1].input + axes_[1].place(h, j);
                const Index row = (i * axes_[1].window + j) * axes_[2].window * inner_;
                add_taps(turned + block * x_image() + from * seen_ * inner_,
                         reinterpret_cast<const Vector<T>*>(own), sums + row * outer_, tile);
            }
        }
    }

    // Rows of the kernel that lie side by side in the input are tiled together.
    void add_taps(const Vector<T>* x, const Vector<T>* y, Vector<T>* sums,
                  GradientTile<T> tile) const {
        const Index side = axes_[2].dilation == 1 ? axes_[2].window : 1, rows = side * inner_;
        for (Index tap = 0; tap < axes_[2].window; tap += side) {
            evenly(rows, gradient_rows, [&](Index r, Index height) {
                evenly(outer_, gradient_columns, [&](Index c, Index width) {
                    tile.x = x + tap * axes_[2].dilation * inner_ + r;
                    tile.y = y + c;
                    tile.sums = sums + (tap * inner_ + r) * outer_ + c;
                    gradient_tiles<T>[height - 1][width - 1](tile);
                });
            });
        }
    }

    const Array &x_, &y_, &kernel_;
    Slides axes_;
    Index inner_, outer_;
    ImageBlocks<T> blocks_;
    std::array<Phase, most_space> phases_;
    Index seen_ = 0;  // places of a line that its positions see, with padding
    Index units_ = 0, together_ = 1, slices_ = 0;
};

}  // namespace pullback::PULLBACK_ISA
