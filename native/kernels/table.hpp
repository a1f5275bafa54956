// What each file of kernels offers, declared once for every instruction set.

#pragma once

#include <span>

#include "../isa.hpp"

namespace pullback::PULLBACK_ISA {

std::span<const ElementwiseRow> elementwise_rows();    // elementwise.cpp
std::span<const Composition> compositions();           // elementwise_composed.cpp
std::span<const Kernel> gemm_kernels();                // gemm.cpp
std::span<const Kernel> reduction_kernels();           // reductions.cpp
std::span<const Kernel> fused_kernels();               // fused.cpp
std::span<const Kernel> normalising_kernels();         // normalising.cpp
std::span<const Kernel> copy_kernels();                // copying.cpp
std::span<const Kernel> indexing_kernels();            // indexing.cpp
std::span<const Kernel> arranging_kernels();           // arranging.cpp
std::span<const Kernel> random_kernels();              // random.cpp
std::span<const Kernel> attention_kernels();           // attention.cpp
std::span<const Kernel> convolution_kernels();         // convolution.cpp
std::span<const Kernel> convolution_kernel_kernels();  // convolution_kernel.cpp
std::span<const Kernel> pooling_kernels();             // pooling.cpp

const Filling& filling(Dtype dtype);                           // filling.cpp
const Looking& looking(Dtype dtype);                           // looking.cpp
bool finite_float32(const void* numbers, std::int64_t count);  // finite.cpp
bool finite_float64(const void* numbers, std::int64_t count);
Interval range_float32(const void* numbers, std::int64_t rows, std::int64_t columns,
                       std::int64_t width);
Interval range_float64(const void* numbers, std::int64_t rows, std::int64_t columns,
                       std::int64_t width);

}  // namespace pullback::PULLBACK_ISA
