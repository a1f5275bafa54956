// The table of one instruction set. A new file of kernels adds its rows here.

#include "table.hpp"

#define PULLBACK_TEXT_OF(name) #name
#define PULLBACK_TEXT(name) PULLBACK_TEXT_OF(name)

namespace pullback::PULLBACK_ISA {

const Kernels& table() {
    static const Kernels made = [] {
        Kernels kernels;
        kernels.isa = PULLBACK_TEXT(PULLBACK_ISA);
        kernels.finite32 = &finite_float32;
        kernels.finite64 = &finite_float64;
        kernels.range32 = &range_float32;
        kernels.range64 = &range_float64;
        kernels.filling = &filling;
        kernels.looking = &looking;
        kernels.elementwise = elementwise_rows();
        kernels.compositions = compositions();
        for (const auto rows :
             {gemm_kernels(), reduction_kernels(), fused_kernels(), normalising_kernels(),
              copy_kernels(), indexing_kernels(), arranging_kernels(), random_kernels(),
              convolution_kernels(), convolution_kernel_kernels(), attention_kernels(),
              pooling_kernels()}) {
            kernels.kernels.insert(kernels.kernels.end(), rows.begin(), rows.end());
        }
        return kernels;
    }();
    return made;
}

}  // namespace pullback::PULLBACK_ISA
