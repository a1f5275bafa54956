#include "cpu.hpp"

namespace pullback {

std::vector<CpuFeature> cpu_features() {
#if defined(__GNUC__) && (defined(__x86_64__) || defined(__i386__))
    // The builtin takes literals only, hence one line a feature and no loop.
    __builtin_cpu_init();
    return {
        {"sse2", __builtin_cpu_supports("sse2") != 0},
        {"sse4.2", __builtin_cpu_supports("sse4.2") != 0},
        {"avx", __builtin_cpu_supports("avx") != 0},
        {"avx2", __builtin_cpu_supports("avx2") != 0},
        {"fma", __builtin_cpu_supports("fma") != 0},
        {"avx512f", __builtin_cpu_supports("avx512f") != 0},
        {"avx512bw", __builtin_cpu_supports("avx512bw") != 0},
        {"avx512dq", __builtin_cpu_supports("avx512dq") != 0},
        {"avx512vl", __builtin_cpu_supports("avx512vl") != 0},
        {"avx512vnni", __builtin_cpu_supports("avx512vnni") != 0},
    };
#elif defined(__aarch64__)
    return {{"neon", true}};  // part of the architecture's base
#else
    return {};  // nothing is claimed where nothing is known
#endif
}

}  // namespace pullback
