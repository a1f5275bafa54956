// Matrix products.

#include "table.hpp"

namespace pullback::PULLBACK_ISA {

std::span<const Kernel> gemm_kernels() {
    return {};
}

}  // namespace pullback::PULLBACK_ISA
