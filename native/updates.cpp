#include "updates.hpp"

#include <algorithm>

namespace pullback {

namespace {

constexpr std::int64_t few = 2 * block;           // numbers that are looked at sooner than bounded
constexpr std::int64_t measured_at_once = 16384;  // numbers: a thread's share of a range
constexpr std::int64_t serial_work = 1 << 16;     // operations not worth sharing

// f(item, part) of all parts of all items, by several threads: items[i] has counts[i] parts.
template <class F>
void share(const Pool& pool, const std::vector<std::int64_t>& counts, bool serial, F f) {
    std::vector<std::int64_t> ends;
    std::int64_t total = 0;
    for (const auto count : counts) ends.push_back(total += count);
    const auto part = [&](std::int64_t number) {
        const auto item = std::upper_bound(ends.begin(), ends.end(), number) - ends.begin();
        f(static_cast<std::size_t>(item), number - (ends[item] - counts[item]));
    };
    serial ? Pool::serial(total, part) : pool.run(total, part);
}

// The interval without the numbers that become 0 when they are stored.
Interval settled(Interval interval, Dtype dtype) {
    const double least = dtype == Dtype::float64 ? std::numeric_limits<double>::min()
                                                 : std::numeric_limits<float>::min();
    if (interval.low > 0 && interval.low < least) interval.low = 0;
    if (interval.high < 0 && interval.high > -least) interval.high = 0;
    return interval;
}

}  // namespace

void Updates::add(Chain chain, bool checked) {
    chain.keep_no_subnormals();
    chains_.push_back(std::move(chain));
    checked_ = checked_ || checked;
    ranges_.clear();
}

void Updates::find_ranges() {
    const auto add = [&](const Array& array, bool kept) {
        Range& range = ranges_[{array.data, array.size()}];
        range.array = array;
        range.kept = range.kept || kept;
    };
    for (const auto& chain : chains_) {
        if (chain.size() <= few) continue;
        chain.each_straight([&](const Array& array) { add(array, false); });
        chain.each_store([&](const Array& slot) { add(slot, true); });
    }
}

void Updates::forget() {
    for (auto& [key, range] : ranges_) range.known = false;
}

bool Updates::finite(const Pool& pool) {
    if (!checked_) return true;
    measure(pool);
    const bool all = std::all_of(chains_.begin(), chains_.end(), [&](Chain& chain) {
        return (chain.size() > few && bounded(chain)) || chain.finite(pool);
    });
    if (!all) forget();
    return all;
}

void Updates::measure(const Pool& pool) {
    std::vector<Range*> unknown;
    std::vector<std::int64_t> counts;
    std::int64_t numbers = 0;
    for (auto& [key, range] : ranges_) {
        if (range.kept && range.known) continue;
        if (range.measured != nullptr) {
            range.interval = range.measured->interval();
            continue;
        }
        const std::int64_t size = range.array.size();
        counts.push_back((size + measured_at_once - 1) / measured_at_once);
        range.parts.resize(static_cast<std::size_t>(counts.back()));
        numbers += size;
        unknown.push_back(&range);
    }
    share(pool, counts, numbers < serial_work, [&](std::size_t item, std::int64_t part) {
        const Array& array = unknown[item]->array;
        const std::int64_t start = part * measured_at_once;
        const std::int64_t count = std::min(measured_at_once, array.size() - start);
        unknown[item]->parts[static_cast<std::size_t>(part)] = kernels_->range(array, start, count);
    });
    for (auto* range : unknown) {
        range->known = true;
        range->interval = range->parts[0];
        for (const auto& part : range->parts) {
            range->interval.low = std::min(range->interval.low, part.low);
            range->interval.high = std::max(range->interval.high, part.high);
        }
    }
}

// Whether what a chain reads bounds what it writes.
bool Updates::bounded(const Chain& chain) {
    const auto bounds = chain.bounds(
        [&](const Array& array) { return ranges_.at({array.data, array.size()}).interval; });
    std::size_t number = 0;
    chain.each_store([&](const Array& slot) {
        Range& range = ranges_.at({slot.data, slot.size()});
        range.known = !bounds.empty();
        if (range.known) range.interval = settled(bounds[number++], slot.dtype);
    });
    return !bounds.empty();
}

void Updates::run(const Pool& pool) {
    std::vector<const Chain*> large;
    std::vector<std::int64_t> counts;
    std::int64_t work = 0;
    for (auto& chain : chains_) {
        if (chain.size() <= static_cast<std::int64_t>(block)) {
            checked_ ? chain.run_looked_at(pool) : chain.run(pool);
            continue;
        }
        large.push_back(&chain);
        counts.push_back(chain.pieces());
        work += chain.work();
    }
    share(pool, counts, work < serial_work,
          [&](std::size_t item, std::int64_t piece) { large[item]->run_piece(piece); });
}

}  // namespace pullback
