// Products of matrices, for kernels and programs: C = A B, one or a stack of them.

#pragma once

#include "../kernel.hpp"
#include "../pool.hpp"

namespace pullback::PULLBACK_ISA {

// What is done with a block of the output as soon as it is final, while it is still in cache; so a
// bias, an activation or a product with a derivative costs no pass over memory. It is called from
// many threads, once for every element of the output: blocks don't overlap. Rows are counted
// through the whole stack: matrix s begins at row s * rows of one.
struct Epilogue {
    void* context = nullptr;
    void (*call)(void* context, std::int64_t row, std::int64_t column, std::int64_t rows,
                 std::int64_t columns) = nullptr;

    void operator()(std::int64_t row, std::int64_t column, std::int64_t rows,
                    std::int64_t columns) const {
        if (call != nullptr) call(context, row, column, rows, columns);
    }
};

// Why the product can't be computed; empty if it can.
//   a: (..., rows, inner), b: (..., inner, columns), any strides
//   c: (..., rows, columns), contiguous
std::string product_refused(const Array& a, const Array& b, const Array& c);

std::size_t product_workspace(const Array& a, const Array& b);

void product(const Array& a, const Array& b, const Array& c, const Pool& pool, std::byte* workspace,
             Epilogue epilogue = {});

}  // namespace pullback::PULLBACK_ISA
