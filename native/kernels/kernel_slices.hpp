// Gradients of kernels that slices of a batch found, each for itself.

#pragma once

#include "plan.hpp"

namespace pullback::PULLBACK_ISA {

// The sum of the parts, in their order, into an array of as many numbers as each has.
template <class T>
void add_slices(const T* parts, Index slices, const Array& sum, const Pool& pool) {
    constexpr Index each = 1 << 11;
    const Index size = sum.size();
    pool.run((size + each - 1) / each, [&](Index piece) {
        const Index begin = piece * each, count = std::min(each, size - begin);
        T* to = sum.as<T>() + begin;
        std::copy_n(parts + begin, count, to);
        for (Index slice = 1; slice < slices; ++slice) {
            const T* from = parts + slice * size + begin;
            for (Index i = 0; i < count; ++i) to[i] += from[i];
        }
    });
}

}  // namespace pullback::PULLBACK_ISA
