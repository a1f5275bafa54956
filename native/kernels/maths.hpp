// Functions of one number, without branches, for loops that become vectors.
//
// Every one is worked out for all inputs at once, what does not apply being left out by a choice
// at the end; so nothing here may depend on how far another number has to be reduced. Rounding to
// whole numbers is an addition of 1.5 * 2^52 and its subtraction, which any processor has, and
// whose low bits are the whole number itself. Accuracy must not need fused multiplications, which
// the baseline lacks; where there are some, the compiler uses them.
//
// W. J. Cody and W. Waite, 1980, "Software Manual for the Elementary Functions" (the reduction in
// two constants); J.-M. Muller et al., 2018, "Handbook of Floating-Point Arithmetic"; the
// logarithm's form is that of K. C. Ng in FDLIBM, 1993.

#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace pullback::PULLBACK_ISA {

constexpr double half_root = 0.70710678118654752440;  // 1 / sqrt(2)

// The nearest whole number, halves to even; keeps the sign of zero.
inline double rounded(double x) {
    constexpr double whole = 4503599627370496.0;  // 2^52: from here on all numbers are whole
    const double size = std::abs(x), near = (size + whole) - whole;
    return size < whole ? std::copysign(near, x) : x;
}

inline float rounded(float x) {
    constexpr float whole = 8388608.0f;  // 2^23
    const float size = std::abs(x), near = (size + whole) - whole;
    return size < whole ? std::copysign(near, x) : x;
}

template <class T>
inline T rounded_down(T x) {
    const T near = rounded(x);
    return near > x ? near - 1 : std::copysign(near, x);
}

namespace detail {

constexpr double shift = 6755399441055744.0;  // 1.5 * 2^52
constexpr double log2_e = 1.44269504088896340736;
constexpr double ln2_high = 6.93147180369123816490e-01;  // its last 21 bits are 0
constexpr double ln2_low = 1.90821492927058770002e-10;
constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

// 2^k, for a whole k from -1022 to 1023, given as k + shift.
inline double power_of_two(double shifted) {
    return std::bit_cast<double>((std::bit_cast<std::uint64_t>(shifted) + 1023) << 52);
}

// The powers of r from 0 on, divided by the factorials from 2 on: (e^r - 1 - r) / r^2 by Taylor,
// to degree 13 of e^r, for |r| <= ln(2) / 2, where the rest is below 2^-57.
inline double exp_rest(double r) {
    double p = 1.6059043836821613e-10;
    p = p * r + 2.08767569878681e-09;
    p = p * r + 2.505210838544172e-08;
    p = p * r + 2.755731922398589e-07;
    p = p * r + 2.7557319223985893e-06;
    p = p * r + 2.48015873015873e-05;
    p = p * r + 1.984126984126984e-04;
    p = p * r + 1.388888888888889e-03;
    p = p * r + 8.333333333333333e-03;
    p = p * r + 4.1666666666666664e-02;
    p = p * r + 1.6666666666666666e-01;
    return p * r + 0.5;
}

// e^x = near * first * second: two powers of two, so that results below the normal numbers are
// rounded once, and those above the largest are infinite.
struct Scaled {
    double near, first, second;
};

inline Scaled exp_scaled(double x) {
    const double above = x < -800 ? -800 : x;
    const double held = above > 800 ? 800 : above;
    const double shifted = held * log2_e + shift, k = shifted - shift;
    const double r = (held - k * ln2_high) - k * ln2_low;
    const double half = k * 0.5 + shift, rest = (k - (half - shift)) + shift;
    return {1 + (r + r * r * exp_rest(r)), power_of_two(half), power_of_two(rest)};
}

// ln(1 + f) - f for 1 + f from sqrt(1/2) to sqrt(2), given s = f / (2 + f).
inline double log_rest(double f, double s) {
    const double z = s * s, half = 0.5 * f * f;
    double p = 1.479819860511658591e-01;
    p = p * z + 1.531383769920937332e-01;
    p = p * z + 1.818357216161805012e-01;
    p = p * z + 2.222219843214978396e-01;
    p = p * z + 2.857142874366239149e-01;
    p = p * z + 3.999999999940941908e-01;
    p = p * z + 6.666666666666735130e-01;
    return s * (half + z * p) - half;
}

// x = 2^exponent (1 + fraction) for a normal x > 0, with 1 + fraction from sqrt(1/2) to sqrt(2).
struct Split {
    double exponent, fraction;
};

inline Split split(double x) {
    constexpr std::uint64_t root = 0x3FE6A09E667F3BCD;  // the bits of sqrt(1/2)
    constexpr std::uint64_t low = 0x000FFFFFFFFFFFFF, bias = 0x4330000000000000;
    const std::uint64_t bits = std::bit_cast<std::uint64_t>(x) + (0x3FF0000000000000 - root);
    const double exponent =
        std::bit_cast<double>((bits >> 52) | bias) - (4503599627370496.0 + 1023);
    return {exponent, std::bit_cast<double>((bits & low) + root) - 1};
}

}  // namespace detail

inline double exp(double x) {
    const auto [near, first, second] = detail::exp_scaled(x);
    return near * first * second;
}

inline double expm1(double x) {
    using namespace detail;
    const double above = x < -50 ? -50 : x;
    const double held = above > 710 ? 710 : above;
    const double shifted = held * log2_e + shift, k = shifted - shift;
    const double r = (held - k * ln2_high) - k * ln2_low;
    const double near = r + r * r * exp_rest(r), half = power_of_two((k - 1) + shift);
    // halved, since 2^1024 is no number
    const double y = 2 * (near * half + (half - 0.5));
    return x == 0 ? x : y;
}

inline double log(double x) {
    using namespace detail;
    const bool tiny = x < std::numeric_limits<double>::min();
    const auto [whole, f] = split(tiny ? x * 18014398509481984.0 : x);  // 2^54
    const double k = tiny ? whole - 54 : whole;
    const double y = k * ln2_high + (f + (log_rest(f, f / (2 + f)) + k * ln2_low));
    const double inside = x < infinity ? y : x;  // NaN, too, is not less
    return x > 0 ? inside : x == 0 ? -infinity : nan;
}

inline double log1p(double x) {
    using namespace detail;
    const double u = 1 + x;
    const auto [k, far] = split(u);
    const double f = k == 0 ? x : far;
    // what was rounded away in 1 + x
    const double lost = k == 0 ? 0 : (x < 1 ? x - (u - 1) : 1 - (u - x)) / u;
    const double y = k * ln2_high + (f + (log_rest(f, f / (2 + f)) + (k * ln2_low + lost)));
    const double inside = x < infinity ? y : x;
    return x == 0 ? x : x > -1 ? inside : x == -1 ? -infinity : nan;
}

inline double tanh(double x) {
    const double size = std::abs(x), held = size > 30 ? 30 : size;
    const double t = expm1(2 * held);
    const double q = (held < 1 ? t : 2.0) / (t + 2);
    return std::copysign(held < 1 ? q : 1 - q, x);
}

inline double sigmoid(double x) {
    const double small = exp(-std::abs(x));
    return (x < 0 ? small : 1.0) / (1 + small);
}

// x sigmoid(x). Far below 0 the exponential is kept apart from its powers of two: it loses digits
// before the product with x does.
inline double silu(double x) {
    const auto [near, first, second] = detail::exp_scaled(-std::abs(x));
    const bool below = x < 0;
    const double y = (below ? x * near : x) / (1 + near * first * second);
    const double last = x < -800 ? 0 : second;  // of -inf, the product with 0 is NaN
    return below ? y * first * last : y;
}

// ln(1 + x) for x from 0 to 1: one division, since (1 + x) / 2 - 1 = (x - 1) / 2 loses nothing.
inline double log1p_of_fraction(double x) {
    using namespace detail;
    const bool far = x > 0.41421356237309503;
    const double f = far ? 0.5 * (x - 1) : x, k = far ? 1 : 0;
    return k * ln2_high + (f + (log_rest(f, f / (2 + f)) + k * ln2_low));
}

inline double softplus(double x) {
    const double y = log1p_of_fraction(exp(-std::abs(x)));
    return x > 0 ? x + y : x != x ? x : y;
}

inline double logaddexp(double a, double b) {
    constexpr double ln2 = 0.69314718055994530942;
    const double y = (a > b ? a : b) + log1p_of_fraction(exp(-std::abs(a - b)));
    const double sum = a == b ? a + ln2 : y;  // of equal infinities, the difference is NaN
    return a != a ? a : b != b ? b : sum;
}

// x tanh(ln(1 + e^x)): with n = e^x, t = (n^2 + 2n) / (n^2 + 2n + 2), divided by n^2 above 0.
inline double mish(double x) {
    const auto [near, first, second] = detail::exp_scaled(-std::abs(x));
    const double n = near * first * second;
    const bool below = x < 0;
    const double above = 1 + 2 * n, low = near * (n + 2);
    const double y = x * ((below ? low : above) / (below ? n * (n + 2) + 2 : above + 2 * n * n));
    const double last = x < -800 ? 0 : second;
    return below ? y * first * last : y;
}

// x sigmoid(2 u), u = sqrt(2 / pi) (x + 0.044715 x^3).
inline double gelu_tanh(double x) {
    constexpr double slope = 1.5957691216057308, cubic = slope * 0.044715;
    const double twice = x * (slope + cubic * (x * x));
    const auto [near, first, second] = detail::exp_scaled(-std::abs(twice));
    const bool below = twice < 0;
    const double y = (below ? x * near : x) / (1 + near * first * second);
    const double last = twice < -800 ? 0 : second;
    return below ? y * first * last : y;
}

inline float exp(float x) {
    return static_cast<float>(exp(static_cast<double>(x)));
}
inline float expm1(float x) {
    return static_cast<float>(expm1(static_cast<double>(x)));
}
inline float log(float x) {
    return static_cast<float>(log(static_cast<double>(x)));
}
inline float log1p(float x) {
    return static_cast<float>(log1p(static_cast<double>(x)));
}
inline float tanh(float x) {
    return static_cast<float>(tanh(static_cast<double>(x)));
}
inline float sigmoid(float x) {
    return static_cast<float>(sigmoid(static_cast<double>(x)));
}
inline float silu(float x) {
    return static_cast<float>(silu(static_cast<double>(x)));
}
inline float softplus(float x) {
    return static_cast<float>(softplus(static_cast<double>(x)));
}
inline float logaddexp(float a, float b) {
    return static_cast<float>(logaddexp(static_cast<double>(a), static_cast<double>(b)));
}
inline float mish(float x) {
    return static_cast<float>(mish(static_cast<double>(x)));
}
inline float gelu_tanh(float x) {
    return static_cast<float>(gelu_tanh(static_cast<double>(x)));
}

}  // namespace pullback::PULLBACK_ISA
