// Arithmetic: sums, products, signs, rounding, the larger and the smaller.
//
// Whole numbers wrap around, which C++ promises of unsigned ones alone.

#include <cmath>

#include "arithmetic.hpp"
#include "loops.hpp"
#include "maths.hpp"

namespace pullback::PULLBACK_ISA {

namespace {

using Int = std::int64_t;

constexpr Int wrapped(std::uint64_t x) {
    return static_cast<Int>(x);
}

constexpr std::uint64_t bits_of(Int x) {
    return static_cast<std::uint64_t>(x);
}

void add_whole(Rows& rows) {
    binary<Int>(rows, "add", [](Int a, Int b) { return wrapped(bits_of(a) + bits_of(b)); });
    binary<Int>(rows, "sub", [](Int a, Int b) { return wrapped(bits_of(a) - bits_of(b)); });
    binary<Int>(rows, "mul", [](Int a, Int b) { return wrapped(bits_of(a) * bits_of(b)); });
    binary<Int>(rows, "maximum", [](Int a, Int b) { return a > b ? a : b; });
    binary<Int>(rows, "minimum", [](Int a, Int b) { return a < b ? a : b; });
    unary<Int>(rows, "neg", [](Int x) { return wrapped(-bits_of(x)); });
    unary<Int>(rows, "square", [](Int x) { return wrapped(bits_of(x) * bits_of(x)); });
    unary<Int>(rows, "abs", [](Int x) { return x < 0 ? wrapped(-bits_of(x)) : x; });
    unary<Int>(rows, "sign", [](Int x) { return Int{x > 0} - Int{x < 0}; });
    unary<Int>(rows, "relu", [](Int x) { return x > 0 ? x : Int{0}; });
}

// x / s for one number s, to the same bits, by its reciprocal: a product, and a correction by what
// the product left over, which a fused multiplication gives exactly. Source: P. Markstein, IA-64
// and Elementary Functions, 2000, chapter 8. Where anything comes near the ends of the exponents,
// it divides.
template <class T>
void divide_by(void* output, const void* const* inputs, const double*, std::size_t count) {
    const T* x = static_cast<const T*>(inputs[0]);
    const T s = *static_cast<const T*>(inputs[1]);
    T* y = static_cast<T*>(output);
    count = count / lanes * lanes;
#ifdef __FMA__
    constexpr T most = sizeof(T) == 4 ? T(1e15) : T(1e150), least = 1 / most;
    const auto far = [](T number) {
        const T size = std::abs(number);
        return !(size <= most) || (size < least && number != 0);
    };
    int rare = far(s) || s == 0;
    for (std::size_t i = 0; i < count; ++i) rare |= far(x[i]);
    if (rare == 0) {
        const T inverse = 1 / s;
#pragma GCC ivdep
        for (std::size_t i = 0; i < count; ++i) {
            const T near = x[i] * inverse, left = std::fma(-near, s, x[i]);
            y[i] = left == 0 ? near : std::fma(left, inverse, near);  // or -0 would become 0
        }
        return;
    }
#endif
#pragma GCC ivdep
    for (std::size_t i = 0; i < count; ++i) y[i] = x[i] / s;
}

void add_division(Rows& rows) {
    binary<float, double>(rows, Div::name, Div{});
    rows.end()[-2].by_number = &divide_by<float>;
    rows.end()[-1].by_number = &divide_by<double>;
}

}  // namespace

void add_arithmetic(Rows& rows) {
    add_whole(rows);
    add_division(rows);
    binary<float, double>(rows, Add::name, Add{});
    binary<float, double>(rows, Sub::name, Sub{});
    binary<float, double>(rows, Mul::name, Mul{});
    binary<float, double>(rows, Scale::name, Scale{});
    // The comparison is false of NaN, and takes b: so a is taken where it is NaN itself.
    binary<float, double>(rows, "maximum",
                          [](auto a, auto b) { return a != a ? a : (a > b ? a : b); });
    binary<float, double>(rows, "minimum",
                          [](auto a, auto b) { return a != a ? a : (a < b ? a : b); });
    unary<float, double>(rows, "neg", [](auto x) { return -x; });
    unary<float, double>(rows, Square::name, Square{});
    unary<float, double>(rows, "abs", [](auto x) { return std::abs(x); });
    unary<float, double>(rows, "reciprocal", []<class T>(T x) -> T { return 1 / x; });
    unary<float, double>(rows, Sqrt::name, Sqrt{});
    unary<float, double>(rows, "sign", []<class T>(T x) -> T {
        return x > 0 ? 1 : x < 0 ? -1 : x == 0 ? 0 : x;
    });
    unary<float, double>(rows, "round", [](auto x) { return rounded(x); });
    unary<float, double>(rows, "floor", [](auto x) { return rounded_down(x); });
    unary<float, double>(rows, "ceil", [](auto x) { return -rounded_down(-x); });
    // false of NaN, which therefore stays
    unary_with2(rows, "clip", [](auto x, auto low, auto high) {
        const auto raised = x < low ? low : x;
        return raised > high ? high : raised;
    });
    unary<float, double>(rows, "softsign", []<class T>(T x) -> T { return x / (1 + std::abs(x)); });
}

}  // namespace pullback::PULLBACK_ISA
