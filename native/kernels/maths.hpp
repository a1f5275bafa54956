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
#include <cstddef>
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

// The shape of a floating-point number, and the constants of its functions.
template <class T>
struct Format;

template <>
struct Format<double> {
    using Bits = std::uint64_t;
    static constexpr int digits = 52, bias = 1023;
    static constexpr double log2_e = 1.44269504088896340736;
    static constexpr double ln2_high = 6.93147180369123816490e-01;  // its last 21 bits are 0
    static constexpr double ln2_low = 1.90821492927058770002e-10;
    static constexpr double reach = 800;              // beyond, e^x is 0 or infinite
    static constexpr double most = 710, least = -50;  // beyond, e^x - 1 is infinite or -1
    // (e^r - 1 - r) / r^2 for |r| <= ln(2) / 2, the highest power first: Taylor's series, whose
    // rest is below 2^-57 of e^r.
    static constexpr double exp_rest[] = {
        1.6059043836821613e-10, 2.08767569878681e-09,   2.505210838544172e-08,
        2.755731922398589e-07,  2.7557319223985893e-06, 2.48015873015873e-05,
        1.984126984126984e-04,  1.388888888888889e-03,  8.333333333333333e-03,
        4.1666666666666664e-02, 1.6666666666666666e-01, 0.5};
    static constexpr double log_rest[] = {1.479819860511658591e-01, 1.531383769920937332e-01,
                                          1.818357216161805012e-01, 2.222219843214978396e-01,
                                          2.857142874366239149e-01, 3.999999999940941908e-01,
                                          6.666666666666735130e-01};
};

template <>
struct Format<float> {
    using Bits = std::uint32_t;
    static constexpr int digits = 23, bias = 127;
    static constexpr float log2_e = 1.44269504088896340736f;
    static constexpr float ln2_high = 6.9314575195e-01f;  // its last 9 bits are 0
    static constexpr float ln2_low = 1.4286067653e-06f;
    static constexpr float reach = 150;
    static constexpr float most = 89, least = -25;
    static constexpr float exp_rest[] = {1.9875691500e-4f, 1.3981999507e-3f, 8.3334519073e-3f,
                                         4.1665795894e-2f, 1.6666665459e-1f, 5.0000001201e-1f};
    static constexpr float log_rest[] = {0.24279078841f, 0.28498786688f, 0.40000972152f,
                                         0.66666662693f};
};

namespace detail {

template <class T>
constexpr T infinity = std::numeric_limits<T>::infinity();
template <class T>
constexpr T nan = std::numeric_limits<T>::quiet_NaN();

// 2^digits: from here on all numbers are whole.
template <class T>
constexpr T whole = T(typename Format<T>::Bits{1} << Format<T>::digits);

template <class T>
constexpr T shift = T(1.5) * whole<T>;

// The polynomial with these coefficients, the highest power first.
template <class T, std::size_t n>
inline T polynomial(const T (&coefficients)[n], T x) {
    T sum = coefficients[0];
#pragma GCC unroll 32
    for (std::size_t i = 1; i < n; ++i) sum = sum * x + coefficients[i];
    return sum;
}

// 2^k, for a whole k in the range of normal exponents, given as k + shift.
template <class T>
inline T power_of_two(T shifted) {
    using F = Format<T>;
    return std::bit_cast<T>((std::bit_cast<typename F::Bits>(shifted) + F::bias) << F::digits);
}

// x = k ln(2) + r of a moderate x, with |r| <= ln(2) / 2, and e^r - 1. The rest r is the difference
// of an exact number and a small one, which is left to the small terms: so its rounding, worth half
// a unit of the result, is made once less.
template <class T>
struct Reduced {
    T k, less_one;
};

template <class T>
inline Reduced<T> reduced(T x) {
    using F = Format<T>;
    const T k = (x * F::log2_e + shift<T>)-shift<T>;
    const T high = x - k * F::ln2_high, low = k * F::ln2_low, r = high - low;
    return {k, high + (r * r * polynomial(F::exp_rest, r) - low)};
}

// e^x = near * first * second: two powers of two, so that results below the normal numbers are
// rounded once, and those above the largest are infinite.
template <class T>
struct Scaled {
    T less_one, near, first, second;

    T value() const {
        return near * first * second;
    }
    // 1 + e^x for x <= 0, rounded once.
    T and_one() const {
        const T power = first * second;
        return (1 + power) + power * less_one;
    }
};

template <class T>
inline Scaled<T> exp_scaled(T x) {
    using F = Format<T>;
    const T raised = x < -F::reach ? -F::reach : x;
    const auto [k, less_one] = reduced(raised > F::reach ? F::reach : raised);
    const T half = k * T(0.5) + shift<T>, other = (k - (half - shift<T>)) + shift<T>;
    return {less_one, 1 + less_one, power_of_two(half), power_of_two(other)};
}

// ln(1 + f) - f for 1 + f from sqrt(1/2) to sqrt(2): with s = f / (2 + f), ln(1 + f) is 2s and a
// polynomial in s^2, which is put so that the f is kept apart.
template <class T>
inline T log_rest(T f) {
    const T s = f / (2 + f), z = s * s, half = T(0.5) * f * f;
    return s * (half + z * polynomial(Format<T>::log_rest, z)) - half;
}

// x = 2^exponent (1 + fraction) for a normal x > 0, with 1 + fraction from sqrt(1/2) to sqrt(2).
template <class T>
struct Split {
    T exponent, fraction;
};

template <class T>
inline Split<T> split(T x) {
    using F = Format<T>;
    using Bits = typename F::Bits;
    constexpr Bits root = std::bit_cast<Bits>(T(half_root)), one = std::bit_cast<Bits>(T(1));
    constexpr Bits low = (Bits{1} << F::digits) - 1;
    const Bits bits = std::bit_cast<Bits>(x) + (one - root);
    // the exponent becomes the low bits of a number from 2^digits on
    const Bits exponent = (bits >> F::digits) | std::bit_cast<Bits>(whole<T>);
    return {std::bit_cast<T>(exponent) - (whole<T> + F::bias),
            std::bit_cast<T>((bits & low) + root) - 1};
}

}  // namespace detail

template <class T>
inline T exp(T x) {
    return detail::exp_scaled(x).value();
}

template <class T>
inline T expm1(T x) {
    using namespace detail;
    using F = Format<T>;
    const T raised = x < F::least ? F::least : x;
    const auto [k, near] = reduced(raised > F::most ? F::most : raised);
    const T half = power_of_two((k - 1) + shift<T>);
    // halved, since 2^k may be just beyond the largest number
    const T y = 2 * (near * half + (half - T(0.5)));
    return x == 0 ? x : y;
}

template <class T>
inline T log(T x) {
    using namespace detail;
    using F = Format<T>;
    const bool tiny = x < std::numeric_limits<T>::min();
    const auto [high, f] = split(tiny ? x * whole<T> : x);
    const T k = tiny ? high - F::digits : high;
    const T y = k * F::ln2_high + (f + (log_rest(f) + k * F::ln2_low));
    const T inside = x < infinity<T> ? y : x;  // NaN, too, is not less
    const T outside = x == 0 ? -infinity<T> : nan<T>;
    return x > 0 ? inside : outside;
}

template <class T>
inline T log1p(T x) {
    using namespace detail;
    using F = Format<T>;
    const T u = 1 + x;
    const auto [k, far] = split(u);
    const T f = k == 0 ? x : far;
    // what was rounded away in 1 + x
    const T lost = (x < 1 ? x - (u - 1) : 1 - (u - x)) / u, added = k == 0 ? T(0) : lost;
    const T y = k * F::ln2_high + (f + (log_rest(f) + (k * F::ln2_low + added)));
    const T inside = x < infinity<T> ? y : x;
    const T outside = x == -1 ? -infinity<T> : nan<T>;
    return x == 0 ? x : x > -1 ? inside : outside;
}

inline double tanh(double x) {
    const double size = std::abs(x), held = size > 30 ? 30 : size;
    const double t = expm1(2 * held);
    const double q = (held < 1 ? t : 2.0) / (t + 2);
    return std::copysign(held < 1 ? q : 1 - q, x);
}

// To one unit in the last place: near 0 by a polynomial in x^2, and elsewhere as 1 - 2 / (1 +
// e^2x), where what is rounded away from the sum is known exactly and brought back (the sum of T.
// J. Dekker, 1971, "A floating-point technique for extending the available precision").
inline float tanh(float x) {
    using namespace detail;
    // within 2^-27 of (tanh(x) - x) / x^3 for |x| <= 0.8, at Chebyshev points
    constexpr float rest[] = {-0.0006270375115f, 0.002973663988f, -0.008612180216f, 0.02181506618f,
                              -0.05396251693f,   0.1333331034f,   -0.3333333318f};
    const float size = std::abs(x), held = size > 15 ? 15 : size, square = x * x;
    const auto [k, less_one] = reduced(2 * held);
    const float power = power_of_two(k + shift<float>), added = power * less_one;
    const float sum = (1 + power) + added, lost = added - (sum - (1 + power));
    const float part = 2 / sum, rest_of_one = 1 - part;
    const float back = ((1 - rest_of_one) - part) + 0.5f * lost * (part * part);
    const float far = rest_of_one + back;
    const float near = size + size * square * polynomial(rest, square);
    return std::copysign(size < 0.65f ? near : far, x);
}

template <class T>
inline T sigmoid(T x) {
    const auto e = detail::exp_scaled(-std::abs(x));
    return (x < 0 ? e.value() : T(1)) / e.and_one();
}

namespace detail {

// x sigmoid(u), given e^-|u|, whose first part is 1 + less_one. Below 0 the exponential is kept
// apart from its powers of two: it loses digits before the product with x does.
template <class T>
inline T gated(T x, bool below, T less_one, const Scaled<T>& e, bool vanished) {
    // what is rounded away from 1 + e^-|u|, over it: 1 / s is 1.5 - s / 2 to a tenth
    const T sum = e.and_one(), power = e.first * e.second;
    const T lost = power * e.less_one - (sum - (1 + power));
    const T part = less_one - lost * (T(1.5) - T(0.5) * sum) * (1 + less_one);
    const T y = (below ? x + x * part : x) / sum;
    return below ? y * e.first * (vanished ? T(0) : e.second) : y;  // of -inf, NaN
}

}  // namespace detail

template <class T>
inline T silu(T x) {
    const auto e = detail::exp_scaled(-std::abs(x));
    return detail::gated(x, x < 0, e.less_one, e, x < -Format<T>::reach);
}

// ln(1 + x) for x from 0 to 1: one division, since (1 + x) / 2 - 1 = (x - 1) / 2 loses nothing.
template <class T>
inline T log1p_of_fraction(T x) {
    using namespace detail;
    const bool far = x > T(0.41421356237309503);
    const T f = far ? T(0.5) * (x - 1) : x, k = far ? T(1) : T(0);
    return k * Format<T>::ln2_high + (f + (log_rest(f) + k * Format<T>::ln2_low));
}

template <class T>
inline T softplus(T x) {
    const T y = log1p_of_fraction(exp(-std::abs(x)));
    return x > 0 ? x + y : x != x ? x : y;
}

// Where the result is near 0, it is the difference of two larger numbers.
inline double logaddexp(double a, double b) {
    constexpr double ln2 = 0.69314718055994530942;
    const double y = (a > b ? a : b) + log1p_of_fraction(exp(-std::abs(a - b)));
    const double sum = a == b ? a + ln2 : y;  // of equal infinities, the difference is NaN
    return a != a ? a : b != b ? b : sum;
}

inline float logaddexp(float a, float b) {
    return static_cast<float>(logaddexp(double{a}, double{b}));
}

// x tanh(ln(1 + e^x)): with n = e^x, t = (n^2 + 2n) / (n^2 + 2n + 2), divided by n^2 above 0.
template <class T>
inline T mish(T x) {
    const auto e = detail::exp_scaled(-std::abs(x));
    const T n = e.value();
    const bool below = x < 0;
    const T above = 1 + 2 * n, low = (n + 2) + (n + 2) * e.less_one;
    const T y = x * ((below ? low : above) / (below ? n * (n + 2) + 2 : above + 2 * n * n));
    const T last = x < -Format<T>::reach ? T(0) : e.second;
    return below ? y * e.first * last : y;
}

namespace detail {

// A number in two parts, of which the second is what the first has no digits for.
struct Pair {
    double high, low;
};

// The first half of the digits: products of two such are exact.
inline double first_half(double x) {
    return std::bit_cast<double>(std::bit_cast<std::uint64_t>(x) & 0xFFFFFFFFF8000000);
}

inline Pair product(double a, double b) {
    const double a1 = first_half(a), a2 = a - a1, b1 = first_half(b), b2 = b - b1, y = a * b;
    return {y, ((a1 * b1 - y) + (a1 * b2 + a2 * b1)) + a2 * b2};
}

}  // namespace detail

// x sigmoid(2 u), u = sqrt(2 / pi) (x + 0.044715 x^3). The argument of the exponential is needed in
// two parts: its rounding would cost as many units as it has ones. So the polynomial is worked out
// in pairs, after T. J. Dekker, and its second part multiplies the exponential.
inline double gelu_tanh(double x) {
    using namespace detail;
    constexpr double slope = 1.5957691216057308, slope_low = -9.96930880911092e-17;
    constexpr double cubic = 0.07135481627260025, cubic_low = -6.175149918155315e-19;
    const double size = std::abs(x), held = size > 30 ? 30 : size;  // beyond, it is 0 or x
    const Pair square = product(held, held), bend = product(cubic, square.high);
    const double factor = slope + bend.high, back = factor - slope;
    const double lost = (slope - (factor - back)) + (bend.high - back);
    const double rest = bend.low + cubic * square.low + cubic_low * square.high + slope_low + lost;
    const Pair twice = product(held, factor);
    const auto e = exp_scaled(-twice.high);
    const double part = e.less_one - e.near * (twice.low + held * rest);
    return gated(x, x < 0, part, e, -twice.high < -Format<double>::reach);
}

// The same, worked out in double for float.
inline float gelu_tanh(float x) {
    constexpr double slope = 1.5957691216057308, cubic = slope * 0.044715;
    const double wide = x, exact = -std::abs(wide * (slope + cubic * (wide * wide)));
    const float high = static_cast<float>(exact < -150 ? -150 : exact);
    const float low = static_cast<float>(exact < -150 ? 0 : exact - high);
    const auto e = detail::exp_scaled(high);
    return detail::gated(x, x < 0, e.less_one + e.near * low, e, high <= -150);
}

}  // namespace pullback::PULLBACK_ISA
