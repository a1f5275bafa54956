// Sine and cosine of float32 numbers, without branches.
//
// The multiple of pi/2 nearest to x is taken away in double, in two parts of which the first has
// few enough digits that its product is exact; what is left is right to 2^-50 even where x is the
// number nearest to a multiple of pi. It holds for |x| up to `reach_of_turns`; beyond, the library
// looks up more digits of pi.
//
// W. J. Cody and W. Waite, 1980, "Software Manual for the Elementary Functions".

#pragma once

#include "maths.hpp"

namespace pullback::PULLBACK_ISA {

constexpr float reach_of_turns = 1048576.0f;  // 2^20

namespace detail {

// sin(x + turns * pi/2).
inline float turned(float x, std::uint64_t turns) {
    constexpr double by_half_pi = 0.63661977236758134308;
    constexpr double high = 1.57079632673412561417;  // its last 20 bits are 0
    constexpr double low = 6.07710050650619224932e-11;
    // Taylor's series to 2^-34, for |r| <= pi / 4
    constexpr double odd[] = {2.7557319223985893e-06, -1.984126984126984e-04, 8.333333333333333e-03,
                              -1.6666666666666666e-01};
    constexpr double even[] = {2.08767569878681e-09,   -2.755731922398589e-07, 2.48015873015873e-05,
                               -1.388888888888889e-03, 4.1666666666666664e-02, -0.5};
    const double wide = std::abs(x) <= reach_of_turns ? x : 0.0f;
    const double shifted = wide * by_half_pi + shift<double>, k = shifted - shift<double>;
    const double r = (wide - k * high) - k * low, square = r * r;
    const double sine = r + r * square * polynomial(odd, square);
    const double cosine = 1 + square * polynomial(even, square);
    // the low bits of `shifted` are the whole number k
    const std::uint64_t quarter = std::bit_cast<std::uint64_t>(shifted) + turns;
    const double y = (quarter & 1) != 0 ? cosine : sine;
    return static_cast<float>((quarter & 2) != 0 ? -y : y);
}

}  // namespace detail

// Of |x| up to `reach_of_turns`.
inline float near_sin(float x) {
    return x == 0 ? x : detail::turned(x, 0);
}
inline float near_cos(float x) {
    return detail::turned(x, 1);
}

}  // namespace pullback::PULLBACK_ISA
