// Convolutions, for kernels and programs: y = x * k, and its transpose.

#pragma once

#include "gemm.hpp"
#include "sliding.hpp"

namespace pullback::PULLBACK_ISA {

// What a convolution or its transpose reads and writes: `from` and `to` are (batch, *space,
// channels), contiguous; a kernel's numbers for a tap are a matrix (channels read, channels
// written) of each group.
struct Convolving {
    const Array &from, &kernel, &to;
    Index groups;
    std::array<std::vector<Phase>, most_space> phases;
    bool back;  // the transpose: the kernel's matrix is turned

    Index inner() const {
        return from.shape[from.axes - 1] / groups;
    }
    Index outer() const {
        return to.shape[to.axes - 1] / groups;
    }
};

std::size_t convolution_workspace(const Convolving& of);

// The epilogue's rows are the output's positions, counted through the whole batch.
void convolution(const Convolving& of, const Pool& pool, std::byte* workspace,
                 Epilogue epilogue = {});

}  // namespace pullback::PULLBACK_ISA
