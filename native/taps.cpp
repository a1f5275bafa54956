#include "taps.hpp"

#include <algorithm>
#include <utility>

namespace pullback {

namespace {

// Lanes add up in the array's own dtype: so many numbers, and they are put into a sum of doubles.
constexpr std::int64_t together = 1 << 13;

// A look tells the probes what it saw when it ends, so that nothing of it may throw.
static_assert(noexcept(std::declval<Probe&>().put(0, Statistics{}, nullptr)));
static_assert(noexcept(std::declval<Probe&>().add(0, Statistics{}, nullptr)));

}  // namespace

Look::Look(const std::vector<Tap>& taps, std::int64_t start, std::int64_t piece)
    : taps_(taps), start_(start), piece_(piece) {
    for (std::size_t i = 0; i < taps.size(); ++i) {
        taps[i].looking->begin(lanes_[i]);
        waiting_[i] = 0;
        if (taps[i].probe->has_histogram()) bins_.resize(taps.size());
    }
}

Look::~Look() {
    for (std::size_t i = 0; i < taps_.size(); ++i) {
        const Tap& tap = taps_[i];
        tap.looking->put(lanes_[i], found_[i]);
        found_[i].count += static_cast<double>(waiting_[i]);
        const Bins* bins = tap.probe->has_histogram() ? &bins_[i] : nullptr;
        if (tap.place >= 0) {
            tap.probe->put(tap.place + piece_, found_[i], bins);
        } else {
            tap.probe->add(tap.start + start_, found_[i], bins);
        }
    }
}

void Look::add(std::size_t i, const void* numbers, const void* less, std::int64_t count) {
    const Tap& tap = taps_[i];
    const Looking& looking = *tap.looking;
    alignas(64) std::byte difference[block * sizeof(double)];
    if (less != nullptr) {
        looking.subtract(difference, numbers, less, count);
        numbers = difference;
    }
    looking.see(lanes_[i], numbers, count, tap.probe->low(), tap.probe->high());
    if (tap.probe->has_histogram()) looking.exponents(bins_[i], numbers, count);
    waiting_[i] += count;
    if (waiting_[i] < together) return;
    looking.put(lanes_[i], found_[i]);
    looking.begin(lanes_[i]);
    found_[i].count += static_cast<double>(waiting_[i]);
    waiting_[i] = 0;
}

}  // namespace pullback
