#include "isa.hpp"

#include <algorithm>

#include "cpu.hpp"

namespace pullback {

#define PULLBACK_DECLARE(name) \
    namespace name {           \
    const Kernels& table();    \
    }
PULLBACK_DECLARE(baseline)
#ifdef PULLBACK_HAS_avx2
PULLBACK_DECLARE(avx2)
#endif
#ifdef PULLBACK_HAS_avx512
PULLBACK_DECLARE(avx512)
#endif
#undef PULLBACK_DECLARE

namespace {

struct Candidate {
    const Kernels& (*table)();
    std::vector<std::string_view> needs;
    std::string_view name;
};

const std::vector<Candidate>& candidates() {
    static const std::vector<Candidate> all = {
#ifdef PULLBACK_HAS_avx512
        {&avx512::table, {"avx512f", "avx512bw", "avx512dq", "avx512vl", "fma"}, "avx512"},
#endif
#ifdef PULLBACK_HAS_avx2
        {&avx2::table, {"avx2", "fma"}, "avx2"},
#endif
        {&baseline::table, {}, "baseline"},
    };
    return all;
}

bool present(std::string_view needed) {
    static const auto features = cpu_features();
    return std::any_of(features.begin(), features.end(), [&](const CpuFeature& feature) {
        return feature.name == needed && feature.present;
    });
}

}  // namespace

std::vector<std::string_view> instruction_sets() {
    std::vector<std::string_view> found;
    for (const auto& candidate : candidates()) {
        if (std::all_of(candidate.needs.begin(), candidate.needs.end(), present)) {
            found.push_back(candidate.name);
        }
    }
    return found;
}

const Kernels* kernels(std::string_view isa) {
    const auto usable = instruction_sets();
    if (std::find(usable.begin(), usable.end(), isa) == usable.end()) return nullptr;
    for (const auto& candidate : candidates()) {
        if (candidate.name == isa) return &candidate.table();
    }
    return nullptr;
}

const ElementwiseRow* Kernels::find_elementwise(std::string_view name, Dtype input,
                                                Dtype output) const {
    for (const auto& row : elementwise) {
        if (row.name == name && row.input == input && row.output == output) return &row;
    }
    return nullptr;
}

const Composition* Kernels::find_composition(std::string_view form, Dtype dtype) const {
    for (const auto& row : compositions) {
        if (row.form == form && row.dtype == dtype) return &row;
    }
    return nullptr;
}

const Kernel* Kernels::find(std::string_view name) const {
    for (const auto& kernel : kernels) {
        if (kernel.name == name) return &kernel;
    }
    return nullptr;
}

bool Kernels::finite(const Array& array, std::int64_t start, std::int64_t count) const {
    if (array.dtype == Dtype::float32) return finite32(array.as<const float>() + start, count);
    if (array.dtype == Dtype::float64) return finite64(array.as<const double>() + start, count);
    return true;
}

Interval Kernels::range(const Array& array, std::int64_t start, std::int64_t count) const {
    if (array.dtype == Dtype::float32) return range32(array.as<const float>() + start, 1, count, 0);
    if (array.dtype == Dtype::float64)
        return range64(array.as<const double>() + start, 1, count, 0);
    return {};
}

}  // namespace pullback
