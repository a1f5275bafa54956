// Registers of chains (chain.hpp) filled with numbers that lie elsewhere in another order.

#include <algorithm>

#include "partial.hpp"
#include "table.hpp"

namespace pullback::PULLBACK_ISA {

namespace {

template <class T>
void repeat(void* to, const void* from, std::int64_t width, std::int64_t count) {
    constexpr std::int64_t lanes = vector_lanes<T>;
    auto* y = static_cast<T*>(to);
    const auto* x = static_cast<const T*>(from);
    if (width <= lanes) {
        const Vector<T> all = load_some(x, width);
        for (std::int64_t at = 0; at < count; at += width) store(y + at, all);
        return;
    }
    for (std::int64_t at = 0; at < count; at += width) {
        for (std::int64_t i = 0; i < width; i += lanes) {
            store(y + at + i, load_some(x + i, std::min(lanes, width - i)));
        }
    }
}

template <class T>
void gather(void* to, const void* from, const std::int64_t* places, std::int64_t count) {
    auto* y = static_cast<T*>(to);
    const auto* x = static_cast<const T*>(from);
    for (std::int64_t i = 0; i < count; ++i) y[i] = x[places[i]];
}

template <class T>
constexpr Filling filling_of = {&repeat<T>, &gather<T>};

}  // namespace

const Filling& filling(Dtype dtype) {
    switch (item_size(dtype)) {
        case 1:
            return filling_of<std::uint8_t>;
        case 4:
            return filling_of<std::uint32_t>;
        default:
            return filling_of<std::uint64_t>;
    }
}

}  // namespace pullback::PULLBACK_ISA
