// A chain run on intervals instead of numbers.

#include "chain.hpp"

namespace pullback {

namespace {

// Well below the largest float: no rounding leads from here to inf.
double limit(Dtype dtype) {
    return dtype == Dtype::float64 ? 1e300 : 1e37;
}

// As wide as rounding may make it. What is so small that it may round to 0 is 0: it is no divisor.
Interval rounded(Interval x, Dtype dtype) {
    const double tiny = 1 / limit(dtype), low = x.low, high = x.high;
    x.low = low > 0 ? (low < tiny ? 0 : low * (1 - 1e-6)) : low * (1 + 1e-6);
    x.high = high < 0 ? (high > -tiny ? 0 : high * (1 - 1e-6)) : high * (1 + 1e-6);
    return x;
}

template <class T>
Interval only(const Array& single) {
    const auto number = static_cast<double>(*single.as<const T>());
    return {number, number};
}

}  // namespace

std::vector<Interval> Chain::bounds(const std::function<Interval(const Array&)>& range) const {
    std::array<Interval, most_registers> at;
    for (const auto& load : loads_.single) {
        if (load.from.dtype == Dtype::float32) at[load.reg] = only<float>(load.from);
        if (load.from.dtype == Dtype::float64) at[load.reg] = only<double>(load.from);
    }
    for (const auto& load : loads_.straight) at[load.reg] = range(load.from);
    for (const auto& load : loads_.strided) at[load.reg] = {};
    for (const auto& load : loads_.straight) {
        if (load.from.dtype == Dtype::boolean) at[load.reg] = {0, 1};
    }
    for (const auto& step : steps_) {
        if (step.made == Dtype::boolean) {
            at[step.output] = {0, 1};
            continue;
        }
        Interval inputs[most_inputs];
        bool bounded = step.on_intervals != nullptr;
        for (int i = 0; i < step.arity; ++i) {
            inputs[i] = at[step.inputs[i]];
            bounded = bounded && inputs[i].within(limit(step.made));
        }
        at[step.output] = bounded ? rounded(step.on_intervals(inputs), step.made) : Interval{};
    }
    std::vector<Interval> stored;
    for (const auto& store : stores_) {
        if (!at[store.reg].within(limit(store.to.dtype))) return {};
        stored.push_back(at[store.reg]);
    }
    return stored;
}

}  // namespace pullback
