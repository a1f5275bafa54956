// The places of the largest numbers of windows: for `max_pool_index` and max pooling's pullback.
//
// Of equal numbers the first counts, and NaN before all. A vector has some channels of one window,
// so that which tap holds the largest is found by comparing whole vectors. The pullback finds the
// places once more: that costs less than to write and read them.

#pragma once

#include "folding_windows.hpp"

namespace pullback::PULLBACK_ISA {

// Whole numbers as wide as T, as many as it has lanes.
template <class T>
using Place = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;
template <class T>
using Places = Vector<Place<T>>;

// Which of the window's taps, in their order, holds the first of the largest of some channels.
// `seen` has the place of each tap that lies within the image.
template <class T>
Places<T> largest_of(const T* x, std::span<const Index> seen, Index count) {
    Vector<T> best = load_some(x + seen[0], count);
    Places<T> found{};
    for (std::size_t i = 1; i < seen.size(); ++i) {
        const Vector<T> number = load_some(x + seen[i], count);
        const auto more = (number > best) | ((number != number) & (best == best));
        best = more ? number : best;
        found = more ? Places<T>{} + static_cast<Place<T>>(i) : found;
    }
    return found;
}

// f(position's number in its image, places that it sees in its image) for each of a line.
template <class F>
void each_position(const Pooling& of, const std::array<Sources, most_space>& sources, Index line,
                   std::vector<Index>& seen, F f) {
    const auto& [deep, high, wide] = of.axes;
    const Index d = line / high.output, h = line % high.output;
    for (Index p = 0; p < wide.output; ++p) {
        seen.clear();
        for (const Index i : sources[0].of(d)) {
            for (const Index j : sources[1].of(h)) {
                const Index start = (i * high.input + j) * wide.input;
                for (const Index k : sources[2].of(p)) seen.push_back((start + k) * of.channels);
            }
        }
        f(line * wide.output + p, std::span<const Index>(seen));
    }
}

// Channels that may be read as a whole vector, though fewer are left: those that others follow.
template <class T>
Index readable(Index channels, Index place, Index size) {
    return place + vector_lanes<T> <= size ? vector_lanes<T> : channels;
}

template <class T>
void max_pool_index(const Pooling& of, const T* x, const Array& y, Pool* pool) {
    const auto sources = of.sources();
    const Index lines = of.axes[0].output * of.axes[1].output, n = of.channels;
    const Index across = of.axes[2].output * n, size = of.x_size();
    in_shares(pool, of.batch * lines, across * 4, [&](Index b, Index e) {
        std::vector<Index> taps;
        for (Index line = b; line < e; ++line) {
            const Index entry = line / lines;
            const T* image = x + entry * size;
            Index* out = y.as<Index>() + entry * lines * across;
            each_position(of, sources, line % lines, taps, [&](Index p, auto seen) {
                for (Index c = 0; c < n; c += vector_lanes<T>) {
                    const Index some = std::min<Index>(n - c, vector_lanes<T>);
                    Place<T> tap[vector_lanes<T>];
                    const Index whole = readable<T>(some, seen.back() + c, size);
                    store(tap, largest_of(image + c, seen, whole));
                    for (Index i = 0; i < some; ++i) {
                        out[p * n + c + i] = entry * size + seen[tap[i]] + c + i;
                    }
                }
            });
        }
    });
}

// Every cotangent goes to the place of the largest number of its window.
template <class T>
void max_pool_pullback(const Pooling& of, const T* y_bar, const T* x, const Array& x_bar,
                       const Call& call) {
    const auto sources = of.sources();
    const Index lines = of.axes[0].output * of.axes[1].output, n = of.channels;
    const Index across = of.axes[2].output * n, size = of.x_size();
    in_shares(call.pool, of.batch, size * 4, [&](Index b, Index e) {
        std::vector<Index> taps;
        for (Index entry = b; entry < e; ++entry) {
            const T* image = x + entry * size;
            const T* bars = y_bar + entry * lines * across;
            T* to = x_bar.as<T>() + entry * size;
            std::fill_n(to, size, T{});
            for (Index line = 0; line < lines; ++line) {
                each_position(of, sources, line, taps, [&](Index p, auto seen) {
                    for (Index c = 0; c < n; c += vector_lanes<T>) {
                        const Index some = std::min<Index>(n - c, vector_lanes<T>);
                        const Index whole = readable<T>(some, seen.back() + c, size);
                        const Places<T> tap = largest_of(image + c, seen, whole);
                        const Vector<T> bar = load_some(bars + p * n + c, some);
                        for (std::size_t i = 0; i < seen.size(); ++i) {
                            T* place = to + seen[i] + c;
                            const Vector<T> own =
                                tap == static_cast<Place<T>>(i) ? bar : Vector<T>{};
                            store_some(place, load_some(place, whole) + own, whole);
                        }
                    }
                });
            }
        }
        call.epilogue(b * size / n, 0, (e - b) * size / n, n);
    });
}

}  // namespace pullback::PULLBACK_ISA
