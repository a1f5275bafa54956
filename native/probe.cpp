#include "probe.hpp"

#include <algorithm>
#include <cmath>
#include <new>

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

std::int64_t Probe::reserve(std::int64_t parts) {
    places_.resize(places_.size() + static_cast<std::size_t>(parts));
    return static_cast<std::int64_t>(places_.size()) - parts;
}

void Probe::put(std::int64_t place, const Statistics& part, const Bins* bins) noexcept {
    places_[static_cast<std::size_t>(place)].part = part;
    if (bins == nullptr) return;
    while (taken_.test_and_set(std::memory_order_acquire)) {
    }
    count(bins);
    taken_.clear(std::memory_order_release);
}

void Probe::add(std::int64_t start, const Statistics& part, const Bins* bins) noexcept {
    while (taken_.test_and_set(std::memory_order_acquire)) {
    }
    try {
        parts_.emplace_back(start, part);
    } catch (const std::bad_alloc&) {
        lost_ = true;
    }
    if (bins != nullptr) count(bins);
    taken_.clear(std::memory_order_release);
}

void Probe::count(const Bins* bins) noexcept {
    for (std::size_t i = 0; i < exponents; ++i) {
        for (const auto& side : *bins) counted_[i] += side[i];
    }
}

Statistics Probe::take(std::span<std::int64_t> bins) {
    const auto before = [](const auto& a, const auto& b) { return a.first < b.first; };
    if (!std::is_sorted(parts_.begin(), parts_.end(), before)) {
        std::sort(parts_.begin(), parts_.end(), before);
    }
    Statistics all;
    for (const auto& place : places_) all.add(place.part);
    for (const auto& [start, part] : parts_) all.add(part);
    const bool bounded = std::isfinite(low_) || std::isfinite(high_);
    if (!bounded) all.outside = std::numeric_limits<double>::quiet_NaN();
    if (lost_) {
        all = Statistics{};
        std::fill(counted_.begin(), counted_.end(), 0);
    }
    if (!bins.empty()) std::copy(counted_.begin(), counted_.end(), bins.begin());
    forget();
    return all;
}

void Probe::forget() {
    parts_.clear();
    lost_ = false;
    std::fill(places_.begin(), places_.end(), Place{});
    std::fill(counted_.begin(), counted_.end(), 0);
}

}  // namespace pullback
