// What the processor that runs this process can do.

#pragma once

#include <string_view>
#include <vector>

namespace pullback {

struct CpuFeature {
    std::string_view name;
    bool present;
};

// The vector extensions that kernels may be chosen by. Only names of this architecture are
// listed; a feature counts as present when the operating system saves its registers too.
std::vector<CpuFeature> cpu_features();

}  // namespace pullback
