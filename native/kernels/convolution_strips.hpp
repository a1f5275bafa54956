// The kernel of a convolution as its tiles read it: in strips, tap after tap.

#pragma once

#include "convolution.hpp"
#include "gemm_plan.hpp"
#include "patch.hpp"

namespace pullback::PULLBACK_ISA {

// The part of the output that is one phase of each axis.
struct Part {
    std::array<const Phase*, most_space> phases;
    Index depth;   // of the inner dimension
    Index packed;  // where its strips begin
    BlockSize block;
    Index lines, across;  // how many blocks of lines and of a line's positions
    Index units;          // of each image and group
};

inline std::vector<Part> parts_of(const Convolving& of) {
    std::vector<Part> parts;
    Index packed = 0;
    for (const Phase& depth : of.phases[0]) {
        for (const Phase& height : of.phases[1]) {
            for (const Phase& width : of.phases[2]) {
                Part part{{&depth, &height, &width}, of.inner(), packed, {}, 0, 0, 0};
                for (const Phase* phase : part.phases) part.depth *= std::ssize(phase->taps);
                parts.push_back(part);
                packed += part.depth;
            }
        }
    }
    return parts;
}

// A strip has, for each tap and channel that is read, the numbers of as many channels that are
// written as a tile has columns, or rows; those beyond the last are 0.
template <class T>
class Strips {
 public:
    Strips(const Convolving& of, T* packed, Index width)
        : of_(&of),
          packed_(packed),
          inner_(of.inner()),
          outer_(of.outer()),
          width_(width),
          columns_(rounded_up(outer_, width_)) {}

    Index width() const {
        return width_;
    }
    Index size() const {
        Index taps = 1;
        for (int axis = 0; axis < of_->kernel.axes - 2; ++axis) taps *= of_->kernel.shape[axis];
        return taps * inner_ * columns_ * of_->groups;
    }
    T* at(const Part& part, Index group, Index column) const {
        return packed_ + (part.packed * of_->groups + part.depth * group) * columns_ +
               part.depth * column;
    }
    void pack(std::span<const Part> parts, const Pool& pool) const {
        const Index strips = ceiling(outer_, width_);
        for (const Part& part : parts) {
            pool.run(of_->groups * strips, [&](Index piece) {
                pack_strip_of(part, piece / strips, piece % strips * width_);
            });
        }
    }

 private:
    void pack_strip_of(const Part& part, Index group, Index column) const {
        const Array& kernel = of_->kernel;
        const auto strides = kernel.strides.data();
        const int rank = kernel.axes - 2, lead = most_space - rank;
        const Index rows = strides[rank], columns = strides[rank + 1];
        const Index inner = of_->back ? columns : rows, outer = of_->back ? rows : columns;
        const Index some = std::min(width_, outer_ - column);
        const T* own = kernel.as<const T>() + group * (of_->back ? inner_ : outer_) * columns;
        T* row = at(part, group, column);
        Index tap[most_space];
        for (const Tap& depth : part.phases[0]->taps) {
            for (const Tap& height : part.phases[1]->taps) {
                for (const Tap& width : part.phases[2]->taps) {
                    tap[0] = depth.number, tap[1] = height.number, tap[2] = width.number;
                    const T* from = own + column * outer;
                    for (int axis = 0; axis < rank; ++axis)
                        from += tap[lead + axis] * strides[axis];
                    for (Index i = 0; i < inner_; ++i, row += width_) {
                        for (Index j = 0; j < some; ++j) row[j] = from[i * inner + j * outer];
                        std::fill(row + some, row + width_, T{});
                    }
                }
            }
        }
    }

    const Convolving* of_;
    T* packed_;
    Index inner_, outer_, width_, columns_;
};

}  // namespace pullback::PULLBACK_ISA
