// Rare functions: the C++ library's, number by number; and the turns, which have vectors of their
// own.

#include <cmath>

#include "loops.hpp"
#include "maths.hpp"
#include "periodic.hpp"

namespace pullback::PULLBACK_ISA {

namespace {

// (x + hypot(x, sqrt(b))) / 2; below 0 another form keeps the digits. Halved first, for the huge.
struct Squareplus {
    template <class T>
    T operator()(T x, T b, T root) const {
        const T h = std::hypot(x, root), size = std::abs(x);
        return x >= 0 ? x / 2 + h / 2 : x != x ? x : b / 4 / (h / 2 + size / 2);
    }
};

template <class T>
void add_squareplus(Rows& rows) {
    rows.push_back({"squareplus", dtype_of<T>, dtype_of<T>, 1,
                    [](void* y, const void* const* x, const double* attributes, std::size_t count) {
                        const double both[] = {attributes[0], std::sqrt(attributes[0])};
                        loop_with2<Squareplus, T>(y, x, both, count);
                    }});
}

struct Sine {
    static float near(float x) {
        return near_sin(x);
    }
    static float far(float x) {
        return std::sin(x);
    }
};

struct Cosine {
    static float near(float x) {
        return near_cos(x);
    }
    static float far(float x) {
        return std::cos(x);
    }
};

// As vectors, and then number by number those that are too large, of which there are hardly any.
// They are kept: the output may be the input.
template <class F>
void loop_of_turns(void* output, const void* const* inputs, const double*, std::size_t count) {
    const auto* x = static_cast<const float*>(inputs[0]);
    auto* y = static_cast<float*>(output);
    for (std::size_t start = 0; start + lanes <= count; start += lanes) {
        float given[lanes];
        bool near = true;
        for (std::size_t i = 0; i < lanes; ++i) given[i] = x[start + i];
        for (std::size_t i = 0; i < lanes; ++i) near &= std::abs(given[i]) <= reach_of_turns;
        for (std::size_t i = 0; i < lanes; ++i) y[start + i] = F::near(given[i]);
        if (near) continue;
        for (std::size_t i = 0; i < lanes; ++i) {
            if (!(std::abs(given[i]) <= reach_of_turns)) y[start + i] = F::far(given[i]);
        }
    }
}

}  // namespace

void add_library(Rows& rows) {
    unary<float, double>(rows, "asin", [](auto x) { return std::asin(x); });
    unary<float, double>(rows, "acos", [](auto x) { return std::acos(x); });
    unary<float, double>(rows, "atan", [](auto x) { return std::atan(x); });
    unary<float, double>(rows, "tan", [](auto x) { return std::tan(x); });
    unary<double>(rows, "sin", [](double x) { return std::sin(x); });
    unary<double>(rows, "cos", [](double x) { return std::cos(x); });
    rows.push_back({"sin", Dtype::float32, Dtype::float32, 1, &loop_of_turns<Sine>});
    rows.push_back({"cos", Dtype::float32, Dtype::float32, 1, &loop_of_turns<Cosine>});
    unary<float, double>(rows, "sinh", [](auto x) { return std::sinh(x); });
    unary<float, double>(rows, "cosh", [](auto x) { return std::cosh(x); });
    unary<float, double>(rows, "asinh", [](auto x) { return std::asinh(x); });
    unary<float, double>(rows, "acosh", [](auto x) { return std::acosh(x); });
    unary<float, double>(rows, "atanh", [](auto x) { return std::atanh(x); });
    unary<float, double>(rows, "log2", [](auto x) { return std::log2(x); });
    unary<float, double>(rows, "log10", [](auto x) { return std::log10(x); });
    binary<float, double>(rows, "atan2", [](auto a, auto b) { return std::atan2(a, b); });
    binary<float, double>(rows, "hypot", [](auto a, auto b) { return std::hypot(a, b); });
    binary<float, double>(rows, "power", [](auto a, auto b) { return std::pow(a, b); });
    add_squareplus<float>(rows);
    add_squareplus<double>(rows);
}

}  // namespace pullback::PULLBACK_ISA
