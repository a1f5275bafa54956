// The normal distribution function and the error functions of float32 numbers, without branches.
//
// The tail is e^(-a^2/2) / (1 + a) times what hardly varies, a polynomial in t = (a - 4) / (a + 4);
// the square in two parts, since its rounding would cost up to a hundred units in the last place.
//
// M. Shepherd and J. Laframboise, 1981, "Chebyshev approximation of (1+2x)exp(x^2)erfc x in
// 0 <= x < infinity" (the variable t); W. J. Cody, 1969, "Rational Chebyshev approximations for the
// error function" (the two parts). The coefficients interpolate at Chebyshev points, worked out
// with 50 digits.

#pragma once

#include "maths.hpp"

namespace pullback::PULLBACK_ISA {

namespace detail {

constexpr float unit_of_erf = static_cast<float>(half_root);

// near * first * second, the last two being powers of two: what comes out below the normal numbers
// is rounded once, by the last product, and what is multiplied in before it loses no digit.
struct Tail {
    float near, first, second;

    float value() const {
        return near * first * second;
    }
};

constexpr float reach_of_tail = 14.6f;

// Phi(-a) for factor = 1/2 and unit = 1; erfc(a) / 2 for factor = 1 and unit = 1 / sqrt(2). Beyond
// its reach it is 0.
inline Tail normal_tail(float a, float factor, float unit) {
    using F = Format<float>;
    // within 2^-28 of (1 + a) Phi(-a) e^(a^2/2), for a up to 14.6
    constexpr float ratio[] = {
        -7.40267124e-5f, -6.594051388e-5f, 0.0006911432527f, -0.000300377787f, -0.005002437559f,
        0.01793952953f,  -0.03219774674f,  0.02860002829f,   0.01399963171f,   -0.09670346791f};
    constexpr float ratio_at_4 = 0.4720532065f, inverse = 1 / ratio_at_4;  // to a tenth elsewhere
    const float reach = reach_of_tail * unit, centre = 4 * unit;
    const float held = a > reach ? reach : a;
    const float high = std::bit_cast<float>(std::bit_cast<std::uint32_t>(held) & 0xFFFFF000);
    const float square = factor * (high * high);                  // exact
    const float rest = factor * ((held - high) * (held + high));  // of the square of `held`
    const float k = (shift<float> - (square + rest) * F::log2_e) - shift<float>;
    const float exact = -square - k * F::ln2_high, low = k * F::ln2_low + rest, r = exact - low;
    const float less_one = exact + (r * r * polynomial(F::exp_rest, r) - low);
    const float half = k * 0.5f + shift<float>, other = (k - (half - shift<float>)) + shift<float>;
    const float t = (held - centre) / (held + centre), bent = t * polynomial(ratio, t);
    const float bend = ratio_at_4 + bent, sum = held + unit, scale = bend * unit / sum;
    // what was rounded away from the two sums, as a part of the whole
    const float lost_of_bend = bent - (bend - ratio_at_4);
    const float larger = held > unit ? held : unit, smaller = held > unit ? unit : held;
    const float lost_of_sum = smaller - (sum - larger);
    const float lost = inverse * (lost_of_bend - lost_of_sum * (scale / unit));
    const float part = less_one + lost * (1 + less_one);
    return {scale + scale * part, power_of_two(half), power_of_two(other)};
}

// erf(x) / x for |x| <= 1, given x^2; within 2^-34.
inline float erf_slope(float square) {
    constexpr float slope[] = {-9.667044571e-6f, 0.0001126595903f, -0.0008484080406f,
                               0.005221031808f,  -0.02686543073f,  0.112837825f,
                               -0.3761263847f,   1.128379167f};
    return polynomial(slope, square);
}

inline float cdf_near_0(float x) {
    return 0.5f + x * (0.5f * unit_of_erf * erf_slope(0.5f * (x * x)));
}

}  // namespace detail

// Near 0 by its slope, elsewhere by the tail: each loses digits where the other does not.
inline float normal_cdf(float x) {
    using namespace detail;
    const float tail = normal_tail(std::abs(x), 0.5f, 1.0f).value(), far = x > 0 ? 1 - tail : tail;
    return std::abs(x) < 0.6f ? cdf_near_0(x) : far;
}

// x Phi(x), multiplied before Phi(x) falls below the normal numbers: those end at x = -13, these
// at -13.2, and what is left of both at -14.
inline float gelu(float x) {
    using namespace detail;
    const Tail tail = normal_tail(std::abs(x), 0.5f, 1.0f);
    const float far = x > 0 ? 1 - tail.value() : tail.near * tail.first;
    const float last = x < -reach_of_tail ? 0.0f : tail.second;  // of -inf, NaN
    return x * (std::abs(x) < 0.6f ? cdf_near_0(x) : far) * (x > -0.6f ? 1.0f : last);
}

inline float erfc(float x) {
    using namespace detail;
    const float tail = 2 * normal_tail(std::abs(x), 1.0f, unit_of_erf).value();
    const float far = x < 0 ? 2 - tail : tail, near = 1 - x * erf_slope(x * x);
    return std::abs(x) < 0.45f ? near : far;
}

inline float erf(float x) {
    using namespace detail;
    const float far = 1 - 2 * normal_tail(std::abs(x), 1.0f, unit_of_erf).value();
    return std::abs(x) < 0.8f ? x * erf_slope(x * x) : std::copysign(far, x);
}

inline double normal_cdf(double x) {
    return 0.5 * std::erfc(x * -half_root);
}
inline double gelu(double x) {
    return x * normal_cdf(x);
}
inline double erfc(double x) {
    return std::erfc(x);
}
inline double erf(double x) {
    return std::erf(x);
}

}  // namespace pullback::PULLBACK_ISA
