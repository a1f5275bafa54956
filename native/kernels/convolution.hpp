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

// Why x, a kernel and y are not those of a convolution; empty if they are. The settings are groups,
// and for each axis of space stride, padding before and dilation.
inline std::string convolution_refused(const Array& x, const Array& kernel, const Array& y,
                                       std::span<const Index> settings) {
    if (x.dtype != kernel.dtype || x.dtype != y.dtype ||
        (x.dtype != Dtype::float32 && x.dtype != Dtype::float64)) {
        return "a convolution is of float32 or float64, all the same";
    }
    if (kernel.axes != x.axes) return "a kernel has an axis for each of the input's";
    std::string refused = slides_refused(x, y, kernel.shape, settings.subspan(1));
    if (!refused.empty()) return refused;
    const Index groups = settings[0], rank = x.axes - 2;
    const Index ins = x.shape[x.axes - 1], outs = y.shape[y.axes - 1];
    if (groups < 1 || ins % groups != 0 || outs % groups != 0 ||
        kernel.shape[rank] * groups != ins || kernel.shape[rank + 1] != outs) {
        return "a kernel is (*window, channels / groups, channels of the output)";
    }
    return "";
}

std::size_t convolution_workspace(const Convolving& of);

// The epilogue's rows are the output's positions, counted through the whole batch.
void convolution(const Convolving& of, const Pool& pool, std::byte* workspace,
                 Epilogue epilogue = {});

}  // namespace pullback::PULLBACK_ISA
