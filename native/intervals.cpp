#include "intervals.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace pullback {

namespace {

Interval hull(double a, double b, double c, double d) {
    return {std::min({a, b, c, d}), std::max({a, b, c, d})};
}

Interval add(const Interval* x) {
    return {x[0].low + x[1].low, x[0].high + x[1].high};
}

Interval sub(const Interval* x) {
    return {x[0].low - x[1].high, x[0].high - x[1].low};
}

Interval mul(const Interval* x) {
    return hull(x[0].low * x[1].low, x[0].low * x[1].high, x[0].high * x[1].low,
                x[0].high * x[1].high);
}

Interval div(const Interval* x) {
    if (x[1].low <= 0 && x[1].high >= 0) return {};
    const Interval inverse[] = {x[0], {1 / x[1].high, 1 / x[1].low}};
    return mul(inverse);
}

Interval reciprocal(const Interval* x) {
    const Interval ratio[] = {{1, 1}, x[0]};
    return div(ratio);
}

Interval neg(const Interval* x) {
    return {-x[0].high, -x[0].low};
}

Interval abs(const Interval* x) {
    const double low = std::abs(x[0].low), high = std::abs(x[0].high);
    const bool both = x[0].low < 0 && x[0].high > 0;
    return {both ? 0 : std::min(low, high), std::max(low, high)};
}

Interval square(const Interval* x) {
    const Interval size = abs(x);
    return {size.low * size.low, size.high * size.high};
}

Interval sqrt(const Interval* x) {
    if (x[0].low < 0) return {};
    return {std::sqrt(x[0].low), std::sqrt(x[0].high)};
}

Interval sign(const Interval*) {
    return {-1, 1};
}

Interval maximum(const Interval* x) {
    return {std::max(x[0].low, x[1].low), std::max(x[0].high, x[1].high)};
}

Interval minimum(const Interval* x) {
    return {std::min(x[0].low, x[1].low), std::min(x[0].high, x[1].high)};
}

// Either the second or the third, and the first says which.
Interval where(const Interval* x) {
    return {std::min(x[1].low, x[2].low), std::max(x[1].high, x[2].high)};
}

constexpr std::pair<std::string_view, OnIntervals> bounds[] = {
    {"add", &add},         {"sub", &sub},     {"mul", &mul},   {"scale", &mul},
    {"div", &div},         {"neg", &neg},     {"abs", &abs},   {"reciprocal", &reciprocal},
    {"square", &square},   {"sqrt", &sqrt},   {"sign", &sign}, {"maximum", &maximum},
    {"minimum", &minimum}, {"where", &where},
};

}  // namespace

OnIntervals on_intervals(std::string_view operation) {
    for (const auto& [name, bound] : bounds) {
        if (name == operation) return bound;
    }
    return nullptr;
}

}  // namespace pullback
