// Where the packed copies of a product's matrices lie in its workspace.

#pragma once

#include "gemm_plan.hpp"
#include "packing.hpp"

namespace pullback::PULLBACK_ISA {

// The packed copies of a slab: A in panels of `tile_rows` rows, B in strips; of both, first the
// panels or strips of the first chunk of the inner dimension, then those of the next.
template <class T>
class Packed {
 public:
    Packed(const ProductPlan& plan, std::byte* workspace)
        : panel_rows_(plan.pack_a ? rounded_up(plan.slab_rows, tile_rows) : 0),
          strip_columns_(plan.pack_b ? rounded_up(plan.columns, vector_lanes<T>) : 0),
          a_(reinterpret_cast<T*>(workspace)),
          b_(a_ + rounded_up(panel_rows_ * plan.slab_inner, 64)) {}

    static std::size_t bytes(const ProductPlan& plan) {
        const Packed none(plan, nullptr);
        const std::int64_t a = rounded_up(none.panel_rows_ * plan.slab_inner, 64);
        return sizeof(T) * static_cast<std::size_t>(a + none.strip_columns_ * plan.slab_inner);
    }

    Matrix<T> panel(std::int64_t row, std::int64_t start, std::int64_t depth) const {
        return {a_ + start * panel_rows_ + row * depth, 1, tile_rows};
    }
    Matrix<T> strip(std::int64_t column, std::int64_t columns, std::int64_t start,
                    std::int64_t depth) const {
        return {b_ + start * strip_columns_ + column * depth,
                vectors_of<T>(columns) * vector_lanes<T>, 1};
    }

 private:
    std::int64_t panel_rows_, strip_columns_;
    T* a_;
    T* b_;
};

}  // namespace pullback::PULLBACK_ISA
