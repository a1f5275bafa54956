#include "probe.hpp"

#include <algorithm>
#include <cmath>

namespace pullback {

void Statistics::add(const Statistics& other) {
    count += other.count;
    sum += other.sum;
    squares += other.squares;
    low = std::min(low, other.low);
    high = std::max(high, other.high);
    zeros += other.zeros;
    outside += other.outside;
}

void Probe::add(std::int64_t start, const Statistics& part, const Bins* bins) {
    while (taken_.test_and_set(std::memory_order_acquire)) {
    }
    parts_.emplace_back(start, part);
    for (std::size_t i = 0; bins != nullptr && i < exponents; ++i) {
        for (const auto& side : *bins) counted_[i] += side[i];
    }
    taken_.clear(std::memory_order_release);
}

Statistics Probe::take(std::span<std::int64_t> bins) {
    const auto before = [](const auto& a, const auto& b) { return a.first < b.first; };
    if (!std::is_sorted(parts_.begin(), parts_.end(), before)) {
        std::sort(parts_.begin(), parts_.end(), before);
    }
    Statistics all;
    for (const auto& [start, part] : parts_) all.add(part);
    const bool bounded = std::isfinite(low_) || std::isfinite(high_);
    if (!bounded) all.outside = std::numeric_limits<double>::quiet_NaN();
    if (!bins.empty()) std::copy(counted_.begin(), counted_.end(), bins.begin());
    forget();
    return all;
}

void Probe::forget() {
    parts_.clear();
    std::fill(counted_.begin(), counted_.end(), 0);
}

}  // namespace pullback
