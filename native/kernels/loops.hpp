// Elementwise rows made from functions of single numbers.
//
// A function is given as the type of a captureless lambda, which the compiler inlines into a plain
// loop and makes vectors of. The output may be one of the inputs, element for element, so no
// iteration depends on another: `ivdep` says so, or the loop would run scalar wherever they are the
// same.

#pragma once

#include <cstdint>
#include <vector>

#include "../isa.hpp"

namespace pullback::PULLBACK_ISA {

using Rows = std::vector<ElementwiseRow>;

// A boolean as it lies in memory: any byte, of which those of padding may be neither 0 nor 1.
using Flag = std::uint8_t;

template <class T>
constexpr Dtype dtype_of = Dtype::int64;
template <>
constexpr Dtype dtype_of<float> = Dtype::float32;
template <>
constexpr Dtype dtype_of<double> = Dtype::float64;
template <>
constexpr Dtype dtype_of<Flag> = Dtype::boolean;

// y = f(x...) for inputs of the dtypes `From`.
template <class F, class To, class A>
void loop1(void* output, const void* const* inputs, const double*, std::size_t count) {
    const auto* a = static_cast<const A*>(inputs[0]);
    auto* y = static_cast<To*>(output);
    count = count / lanes * lanes;  // already so; said to the compiler
#pragma GCC ivdep
    for (std::size_t i = 0; i < count; ++i) y[i] = F{}(a[i]);
}

template <class F, class To, class A, class B>
void loop2(void* output, const void* const* inputs, const double*, std::size_t count) {
    const auto* a = static_cast<const A*>(inputs[0]);
    const auto* b = static_cast<const B*>(inputs[1]);
    auto* y = static_cast<To*>(output);
    count = count / lanes * lanes;
#pragma GCC ivdep
    for (std::size_t i = 0; i < count; ++i) y[i] = F{}(a[i], b[i]);
}

template <class F, class To, class A, class B, class C>
void loop3(void* output, const void* const* inputs, const double*, std::size_t count) {
    const auto* a = static_cast<const A*>(inputs[0]);
    const auto* b = static_cast<const B*>(inputs[1]);
    const auto* c = static_cast<const C*>(inputs[2]);
    auto* y = static_cast<To*>(output);
    count = count / lanes * lanes;
#pragma GCC ivdep
    for (std::size_t i = 0; i < count; ++i) y[i] = F{}(a[i], b[i], c[i]);
}

// With one attribute, or two, rounded to the dtype of the input as NumPy does.
template <class F, class T>
void loop_with1(void* output, const void* const* inputs, const double* attributes,
                std::size_t count) {
    const auto* x = static_cast<const T*>(inputs[0]);
    auto* y = static_cast<T*>(output);
    const auto p = static_cast<T>(attributes[0]);
    count = count / lanes * lanes;
#pragma GCC ivdep
    for (std::size_t i = 0; i < count; ++i) y[i] = F{}(x[i], p);
}

template <class F, class T>
void loop_with2(void* output, const void* const* inputs, const double* attributes,
                std::size_t count) {
    const auto* x = static_cast<const T*>(inputs[0]);
    auto* y = static_cast<T*>(output);
    const auto p = static_cast<T>(attributes[0]), q = static_cast<T>(attributes[1]);
    count = count / lanes * lanes;
#pragma GCC ivdep
    for (std::size_t i = 0; i < count; ++i) y[i] = F{}(x[i], p, q);
}

// The rows of f from T to `To`, for each dtype T that is named.
template <class... Ts, class F>
void unary(Rows& rows, const char* name, F) {
    (rows.push_back({name, dtype_of<Ts>, dtype_of<Ts>, 1, &loop1<F, Ts, Ts>}), ...);
}

template <class... Ts, class F>
void binary(Rows& rows, const char* name, F) {
    (rows.push_back({name, dtype_of<Ts>, dtype_of<Ts>, 2, &loop2<F, Ts, Ts, Ts>}), ...);
}

template <class... Ts, class F>
void asked1(Rows& rows, const char* name, F) {
    (rows.push_back({name, dtype_of<Ts>, Dtype::boolean, 1, &loop1<F, Flag, Ts>}), ...);
}

template <class... Ts, class F>
void asked2(Rows& rows, const char* name, F) {
    (rows.push_back({name, dtype_of<Ts>, Dtype::boolean, 2, &loop2<F, Flag, Ts, Ts>}), ...);
}

template <class F>
void unary_with1(Rows& rows, const char* name, F) {
    rows.push_back({name, Dtype::float32, Dtype::float32, 1, &loop_with1<F, float>});
    rows.push_back({name, Dtype::float64, Dtype::float64, 1, &loop_with1<F, double>});
}

template <class F>
void unary_with2(Rows& rows, const char* name, F) {
    rows.push_back({name, Dtype::float32, Dtype::float32, 1, &loop_with2<F, float>});
    rows.push_back({name, Dtype::float64, Dtype::float64, 1, &loop_with2<F, double>});
}

// What each file of elementwise operations adds.
void add_arithmetic(Rows& rows);    // elementwise_arithmetic.cpp
void add_comparisons(Rows& rows);   // elementwise_comparison.cpp
void add_exponentials(Rows& rows);  // elementwise_exponential.cpp
void add_rectifiers(Rows& rows);    // elementwise_rectifiers.cpp
void add_library(Rows& rows);       // elementwise_library.cpp

}  // namespace pullback::PULLBACK_ISA
