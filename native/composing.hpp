// Steps of a chain taken together where there is a loop for both: numbers that only the next step
// wants never leave the processor's registers.

#pragma once

#include <vector>

#include "operands.hpp"

namespace pullback {

// The same steps, to the same bits, some of them as one. What `stored` names is made as before.
std::vector<ElementwiseStep> composed(const Kernels& kernels,
                                      const std::vector<ElementwiseStep>& steps,
                                      const std::vector<Store>& stores,
                                      const std::vector<Load>& single);

}  // namespace pullback
