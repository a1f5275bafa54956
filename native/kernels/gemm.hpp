// Products of matrices, for kernels and programs: C = A B, one or a stack of them.

#pragma once

#include "../kernel.hpp"
#include "../pool.hpp"

namespace pullback::PULLBACK_ISA {

// Why the product can't be computed; empty if it can.
//   a: (..., rows, inner), b: (..., inner, columns), any strides
//   c: (..., rows, columns), contiguous
std::string product_refused(const Array& a, const Array& b, const Array& c);

std::size_t product_workspace(const Array& a, const Array& b);

}  // namespace pullback::PULLBACK_ISA
