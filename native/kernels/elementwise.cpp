// Elementwise operations: plain loops of a known length, which the compiler makes vectors of.

#include <cmath>

#include "table.hpp"

namespace pullback::PULLBACK_ISA {

namespace {

template <class To, class From, class F>
inline void unary(void* output, const void* const* inputs, std::size_t count, F f) {
    const auto* x = static_cast<const From*>(inputs[0]);
    auto* y = static_cast<To*>(output);
    for (std::size_t start = 0; start < count; start += lanes) {
        for (std::size_t i = start; i < start + lanes; ++i) y[i] = f(x[i]);
    }
}

template <class To, class From, class F>
inline void binary(void* output, const void* const* inputs, std::size_t count, F f) {
    const auto* a = static_cast<const From*>(inputs[0]);
    const auto* b = static_cast<const From*>(inputs[1]);
    auto* y = static_cast<To*>(output);
    for (std::size_t start = 0; start < count; start += lanes) {
        for (std::size_t i = start; i < start + lanes; ++i) y[i] = f(a[i], b[i]);
    }
}

template <class T>
constexpr Dtype dtype_of = Dtype::int64;
template <>
constexpr Dtype dtype_of<float> = Dtype::float32;
template <>
constexpr Dtype dtype_of<double> = Dtype::float64;
template <>
constexpr Dtype dtype_of<bool> = Dtype::boolean;

#define PULLBACK_BINARY(name, T, expression)                                               \
    ElementwiseRow {                                                                       \
        name, dtype_of<T>, dtype_of<T>, 2,                                                 \
            [](void* output, const void* const* inputs, const double*, std::size_t n) {    \
                binary<T, T>(output, inputs, n, [](T a, T b) -> T { return expression; }); \
            }                                                                              \
    }

const ElementwiseRow rows[] = {
    PULLBACK_BINARY("add", float, a + b),
    PULLBACK_BINARY("add", double, a + b),
    PULLBACK_BINARY("mul", float, a* b),
    PULLBACK_BINARY("mul", double, a* b),
};

}  // namespace

std::span<const ElementwiseRow> elementwise_rows() {
    return rows;
}

}  // namespace pullback::PULLBACK_ISA
