// Copies between arrays of one shape, and arrays as kernels need them: contiguous.

#pragma once

#include "plan.hpp"

namespace pullback::PULLBACK_ISA {

// The elements of `from` into those of `to`, which has its shape and its size of elements.
void copy_elements(const Array& from, const Array& to, Pool* pool);

// That shape and dtype, contiguous, at an address.
inline Array laid_out(const Array& like, std::byte* data) {
    Array made = like;
    made.data = data;
    Index stride = 1;
    for (int axis = made.axes; axis-- > 0;) {
        made.strides[axis] = stride;
        stride *= made.shape[axis];
    }
    return made;
}

// The array itself if it is contiguous, or a place in the workspace where it will be.
inline Array settled(const Array& array, Room& room) {
    if (array.contiguous()) return array;
    const auto bytes = array.size() * static_cast<Index>(item_size(array.dtype));
    return laid_out(array, room.take<std::byte>(bytes));
}

// A settled array with its elements in their place.
inline const Array& filled(const Array& array, const Array& settled, Pool* pool) {
    if (settled.data != array.data) copy_elements(array, settled, pool);
    return settled;
}

}  // namespace pullback::PULLBACK_ISA
